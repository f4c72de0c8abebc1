'use strict';
/*
 * feishu-device.js - logins by device code in the Feishu stand-in: the app asks for a code, the
 * user approves it on a page, and the app polls the token call until then.
 */
const crypto = require('crypto');

const SECOND_MS = 1000;
const SLOWER_S = 5;
const EARLY_MS = 200;	/* a poll may come so much before its time: clocks and timers differ */

class DeviceLogins {
	constructor(platform, Refusal) {
		this.platform = platform;
		this.Refusal = Refusal;
		this.clear();
	}

	clear() {
		this.logins = new Map();	/* device_code -> {userCode, user, scopes, at, interval, polled, polls, decided, used} */
	}

	state() {
		return [...this.logins];
	}

	restore(saved) {
		this.logins = new Map(saved);
	}

	/* The answer to an app that wants to log in; where is the address of the stand-in. */
	start(scopes, where) {
		const {config, stats} = this.platform;
		const code = crypto.randomBytes(30).toString('hex');
		const userCode = crypto.randomBytes(4).toString('hex').toUpperCase().replace(/^(....)/, '$1-');
		this.logins.set(code, {
			userCode, user: 'ou_user', scopes, at: this.platform.now(), interval: config.device_interval,
			polled: null, polls: 0, decided: null, used: false,
		});
		stats.device_requests++;
		return {
			device_code: code, user_code: userCode, verification_uri: where + '/oauth/v1/device/verify',
			verification_uri_complete: where + '/oauth/v1/device/verify?user_code=' + userCode,
			expires_in: config.device_expire, interval: config.device_interval,
		};
	}

	/* What the user does; without a code, with the newest login. */
	decide(userCode, approve) {
		const all = [...this.logins.values()].filter((l) => !userCode || l.userCode === userCode);
		if (!all.length)
			throw new Error('no such device login');
		all[all.length - 1].decided = approve;
	}

	isTooSoon(login) {
		const now = this.platform.now();
		const soon = login.polled !== null && now - login.polled < login.interval * SECOND_MS - EARLY_MS;
		login.polled = now;
		if (soon)
			login.interval += SLOWER_S;
		return soon;
	}

	/* What the user has decided by now: true, false or null. */
	decision(login) {
		const {config} = this.platform;
		if (login.decided !== null || config.device === 'wait')
			return login.decided;
		if (config.device === 'deny')
			return false;
		return login.polls > config.device ? true : null;
	}

	/* The login that is approved; throws what the poll is answered otherwise. */
	poll(code) {
		const {config, stats} = this.platform;
		const refuse = (name) => { throw new this.Refusal(0, name); };
		const login = this.logins.get(code);
		stats.device_polls++;
		if (!login || login.used)
			return refuse('invalid_grant');
		if (this.platform.now() >= login.at + config.device_expire * SECOND_MS)
			return refuse('expired_token');
		if (config.slow_down > 0) {
			config.slow_down--;
			return refuse('slow_down');
		}
		if (this.isTooSoon(login))
			return refuse('slow_down');
		login.polls++;
		const decided = this.decision(login);
		if (decided === null)
			return refuse('authorization_pending');
		if (!decided)
			return refuse('access_denied');
		login.used = true;
		return login;
	}
}

module.exports = {DeviceLogins};
