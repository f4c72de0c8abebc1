// api.js - the server's API: the envelope, the token and the fields of a row.

let token = '';

// The token comes with the address (#token=...), is kept for this tab only, and leaves the address at once.
export function takeToken() {
	const m = /(?:^#|&)token=([^&]+)/.exec(location.hash);

	if (m !== null) {
		sessionStorage.setItem('token', decodeURIComponent(m[1]));
		history.replaceState(null, '', location.pathname + location.search);
	}
	token = sessionStorage.getItem('token') || '';
}

export function setToken(text) {
	sessionStorage.setItem('token', text);
	token = text;
}

export class ApiError extends Error {
	constructor(status, message) {
		super(message);
		this.status = status;
	}
}

// options: body (JSON text), signal, keepalive.  Returns the data of the envelope.
export async function call(method, path, options = {}) {
	const headers = {Accept: 'application/json'};
	let answer = {};

	if (token !== '')
		headers.Authorization = `Bearer ${token}`;
	if (options.body !== undefined)
		headers['Content-Type'] = 'application/json';
	const res = await fetch(path, {method, headers, body: options.body, signal: options.signal || AbortSignal.timeout(60000),
		keepalive: options.keepalive, cache: 'no-store'});
	try {
		answer = await res.json();
	} catch (e) {
		if (e.name === 'AbortError' || e.name === 'TimeoutError')
			throw e;
	}
	if (!res.ok || answer.success === false)
		throw new ApiError(res.status, answer.message || `${res.status} ${res.statusText}`);
	return answer.data;
}

export const get = (path, options) => call('GET', path, options);

export function query(values) {
	const q = new URLSearchParams();

	for (const [k, v] of Object.entries(values))
		if (v !== '' && v !== undefined && v !== null)
			q.set(k, v);
	const text = q.toString();
	return text === '' ? '' : `?${text}`;
}

export const seg = encodeURIComponent;

// 64 MiB of a record may take a while; so may an answer.
export const patient = () => AbortSignal.timeout(150000);
