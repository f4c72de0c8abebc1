'use strict';
/*
 * bigquery-jobs.js - the jobs of the BigQuery stand-in: their ids, their states over time, and the calls that start,
 * show, list and cancel them.  What a job does is given by run(job), which is called once when its time has come; it
 * throws a Fail (with .errors, where there are more) to end the job in failure.
 */
const crypto = require('crypto');
const {Fail, isObject, known} = require('./bigquery-schema');
const {etag} = require('./bigquery-tables');

const JOB_ID = /^[A-Za-z0-9_-]{1,1024}$/;
const MULTI_REGIONS = ['US', 'EU'];
const KEPT_ERRORS = 5;

function createJobs(platform) {
	const {args, config} = platform;
	const jobs = new Map();	/* location/id -> job */
	const key = (location, id) => location.toUpperCase() + '/' + id;

	/* The moment decides the state: PENDING, RUNNING, DONE. */
	function state(job) {
		const now = platform.now();
		return job.done ? 'DONE' : now < job.starts ? 'PENDING' : 'RUNNING';
	}

	function finish(job, error) {
		job.done = true;
		job.ended = Math.max(job.ends, job.created);
		if (!error)
			return;
		job.errorResult = error.proto();
		job.errors = [job.errorResult].concat(error.errors || []).slice(0, KEPT_ERRORS + 2);
	}

	function runJob(job) {
		try {
			job.run(job);
			finish(job, null);
		} catch (e) {
			if (!(e instanceof Fail))
				throw e;
			finish(job, e);
		}
	}

	/* Ends the jobs whose time has come, in the order of their ends. */
	function settle() {
		Array.from(jobs.values()).filter((j) => !j.done && j.ends <= platform.now()).sort((a, b) => a.ends - b.ends || a.n - b.n).forEach(runJob);
	}

	/* reference is the caller's {jobId, location}; location is where the work is. */
	function add(reference, location, identity, job) {
		const ref = reference || {};
		checkReference(ref);
		const id = ref.jobId === undefined ? 'job_' + crypto.randomBytes(15).toString('base64').replace(/[+/]/g, 'x') : ref.jobId;
		if (ref.location !== undefined && ref.location.toUpperCase() !== location.toUpperCase())
			throw new Fail('notFound', 'Not found: ' + (job.about || 'Dataset') + ' was not found in location ' + ref.location);
		if (jobs.has(key(location, id)))
			throw new Fail('duplicate', 'Already Exists: Job ' + args.project + ':' + location + '.' + id);
		const now = platform.now();
		const starts = now + config.pending_ms;
		Object.assign(job, {id, location, who: identity.who, created: now, starts, ends: starts + config.running_ms, done: false, n: jobs.size});
		jobs.set(key(location, id), job);
		return job;
	}

	function checkReference(ref) {
		known(ref, ['projectId', 'jobId', 'location'], 'job_reference');
		if (ref.projectId !== undefined && ref.projectId !== args.project)
			throw new Fail('invalid', 'Value for projectId in jobReference does not match the project in the path');
		if (ref.location !== undefined && typeof ref.location !== 'string')
			throw new Fail('invalid', 'Invalid value for location');
		if (ref.jobId !== undefined && !JOB_ID.test(ref.jobId))
			throw new Fail('invalid', 'Invalid job ID "' + ref.jobId + '". Must be alphanumeric (plus underscores and dashes) ' +
				'and at most 1024 characters long.');
	}

	/* Without a location only the multi-regions are searched. */
	function find(id, location) {
		const places = location ? [location] : MULTI_REGIONS;
		const job = places.map((l) => jobs.get(key(l, id))).find(Boolean);
		if (!job)
			throw new Fail('notFound', 'Not found: Job ' + args.project + ':' + (location ? location + '.' : '') + id);
		return job;
	}

	function resource(job, as) {
		const now = as || state(job);
		const statistics = {creationTime: String(job.created)};
		if (now !== 'PENDING')
			statistics.startTime = String(job.starts);
		if (now === 'DONE')
			Object.assign(statistics, {endTime: String(job.ended), totalBytesProcessed: '0'}, job.statistics);
		else if (job.type === 'QUERY')
			statistics.query = {statementType: job.statementType || 'SELECT'};
		const status = {state: now};
		if (now === 'DONE' && job.errorResult)
			status.errorResult = job.errorResult;
		if (now === 'DONE' && job.errors && job.errors.length)
			status.errors = job.errors;
		const body = {
			kind: 'bigquery#job', id: args.project + ':' + job.location + '.' + job.id,
			selfLink: platform.url + '/bigquery/v2/projects/' + args.project + '/jobs/' + job.id + '?location=' + job.location,
			user_email: job.who, configuration: Object.assign({jobType: job.type}, job.configuration),
			jobReference: {projectId: args.project, jobId: job.id, location: job.location}, statistics, status,
		};
		return Object.assign({etag: etag(body)}, body);
	}

	/* The answer to the insert is from before the work, whatever the job's duration. */
	function started(job) {
		return resource(job, config.pending_ms ? 'PENDING' : 'RUNNING');
	}

	/* {jobReference, configuration} of a request -> its one kind of configuration, as [name, body]. */
	function configurationOf(body) {
		known(body, ['kind', 'etag', 'id', 'selfLink', 'jobReference', 'configuration', 'projectId'], 'job');
		if (!isObject(body.configuration))
			throw new Fail('required', 'Required parameter is missing: configuration');
		known(body.configuration, ['jobType', 'labels', 'dryRun', 'jobTimeoutMs', 'load', 'query', 'reservation'], 'job.configuration');
		const kinds = ['load', 'query'].filter((k) => isObject(body.configuration[k]));
		if (kinds.length !== 1)
			throw new Fail('required', 'Job configuration must contain exactly one job-specific configuration object');
		checkReference(body.jobReference || {});
		return [kinds[0], body.configuration[kinds[0]]];
	}

	function list(req) {
		const wanted = req.query.getAll('stateFilter').map((s) => s.toUpperCase());
		const all = Array.from(jobs.values()).reverse().filter((j) => !wanted.length || wanted.includes(state(j)));
		return {kind: 'bigquery#jobList', etag: etag(all.length), jobs: all.map((j) => Object.assign(resource(j), {state: state(j)}))};
	}

	function cancel(req) {
		const job = find(req.params.j, req.query.get('location'));
		if (!job.done)
			finish(job, new Fail('stopped', 'Job execution was cancelled: User requested cancellation'));
		return {kind: 'bigquery#jobCancelResponse', job: resource(job)};
	}

	return {
		add, find, settle, resource, started, state, configurationOf, runJob,
		reset: () => jobs.clear(),
		routes: {
			'GET /projects/:p/jobs': platform.api('admin', list),
			'GET /projects/:p/jobs/:j': platform.api('admin', (req) => resource(find(req.params.j, req.query.get('location')))),
			'POST /projects/:p/jobs/:j/cancel': platform.api('admin', cancel),
		},
		control: {'GET /_test/jobs': () => ({body: Array.from(jobs.values()).map((j) => resource(j))})},
	};
}

module.exports = {createJobs};
