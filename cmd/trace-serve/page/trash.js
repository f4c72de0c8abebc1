// trash.js - what was deleted stays on the server for some seconds, in which it can be undone.

import {call} from './api.js';
import {t} from './texts.js';
import {toast} from './dom.js';

const GRACE = 7000;
const waiting = new Map();	// path to {undo, finish}

export const isDeleted = (path) => waiting.has(path);

// changed() is called at once and when it was undone; done() when it is gone for good; failed(error) when the server refused.
export function remove(path, message, {changed, done, failed}) {
	if (waiting.has(path))
		return;
	const end = () => { clearTimeout(timer); waiting.delete(path); away(); };
	const undo = () => { end(); changed(); };
	const finish = async (keepalive) => {
		clearTimeout(timer);
		away();
		try {
			await call('DELETE', path, {keepalive});
			done();
		} catch (e) {
			if (e.status === 404)
				done();
			else
				failed(e);
		}
		waiting.delete(path);
		changed();
	};
	const timer = setTimeout(finish, GRACE), away = toast(message, [t('undo'), undo], GRACE);
	waiting.set(path, {undo, finish});
	changed();
}

// The last one.
export function undoLast() {
	[...waiting.values()].pop()?.undo();
}

// Whoever leaves the page meant it.
addEventListener('pagehide', () => {
	for (const w of waiting.values())
		w.finish(true);
});
