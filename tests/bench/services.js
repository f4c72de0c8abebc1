'use strict';
/*
 * services.js - what services.sh puts beside the tools: the services' official clients, and a consumer that takes its time.
 *
 *   node services.js langsmith URL FIELD,FIELD...	the runs of the last week, one a line
 *   node services.js lark URL			the records of the table, one a line
 *   node services.js slow BYTES			reads stdin at so many bytes a second
 *
 * The clients are those of ../sdk: npm ci there.
 */
const fs = require('fs');
const {createRequire} = require('module');
const sdk = createRequire(require.resolve('../sdk/package.json'));

const put = (record) => fs.writeSync(1, JSON.stringify(record) + '\n');

const modes = {
	async langsmith(url, fields) {
		const client = new (sdk('langsmith').Client)({apiKey: 'lsv2_pt_test', apiUrl: url});
		const startTime = new Date(Date.now() - 7 * 86400e3);
		for await (const run of client.listRuns({projectName: 'my-app', isRoot: true, startTime, select: fields.split(',')}))
			put(run);
	},
	async lark(url) {
		const lark = sdk('@larksuiteoapi/node-sdk');
		const silent = {fatal() {}, error() {}, warn() {}, info() {}, debug() {}, trace() {}};
		const client = new lark.Client({appId: 'cli_test', appSecret: 'secret', domain: url, logger: silent});
		const pages = await client.bitable.appTableRecord.searchWithIterator({path: {app_token: 'bascnTest', table_id: 'tblTest'},
			params: {page_size: 500}, data: {}});
		for await (const page of pages)
			page.items.forEach(put);
	},
	async slow(bytes) {
		const b = Buffer.alloc(65536), nap = new Int32Array(new SharedArrayBuffer(4));
		for (let n; (n = fs.readSync(0, b)) > 0;)
			Atomics.wait(nap, 0, 0, n / Number(bytes) * 1000);
	},
};

process.removeAllListeners('warning');	/* the client's own deprecations */
process.on('warning', () => {});
modes[process.argv[2]](...process.argv.slice(3)).catch((e) => {
	process.stderr.write(String(e.stack || e) + '\n');
	process.exitCode = 1;
});
