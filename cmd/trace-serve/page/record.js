// record.js - one record, read: its figures, the conversation, and the texts as JSON.

import {button, copy, count, duration, el, longText, size, tabs, time} from './dom.js';
import {messagesView, parse, requestMessages, responseMessages} from './conversation.js';
import {setAll, tree} from './tree.js';
import {t} from './texts.js';

function figure(key, value) {
	return value === '' || value === null || value === undefined ? null :
		el('span', {class: 'figure'}, el('span', {class: 'label'}, `${t(key)} `), value);
}

export function figures(r) {
	const tokens = r.input_tokens === null && r.output_tokens === null ? '' : `${r.input_tokens === null ? '?' : count(r.input_tokens)} → ` +
		`${r.output_tokens === null ? '?' : count(r.output_tokens)}`;

	return el('div', {class: 'figureline'}, el('span', {class: `badge ${r.status}`}, t(r.status)), r.http_status && r.http_status !== 200 ?
		el('span', {class: 'badge error'}, `HTTP ${r.http_status}`) : null, figure('model', r.model), figure('provider', r.provider),
	figure('duration', duration(r.latency_ms)), figure('firstByte', duration(r.first_byte_ms)), figure('tokens', tokens),
	figure('size', `${size(r.request_size ?? 0)} → ${size(r.response_size ?? 0)}`), el('time', {datetime: r.created_at}, time(r.created_at, true)));
}

// A text of the record as a tree, or as it is.
function jsonView(text, none) {
	if (text === '')
		return el('p', {class: 'none'}, t(none));
	if (parse(text) === undefined)
		return el('div', {}, longText(text, {class: 'text mono'}));
	const box = el('div', {class: 'jsonview'});
	const tools = el('div', {class: 'tools'}, button('expand', () => setAll(box, true)), button('fold', () => setAll(box, false)),
		button('copy', () => copy(text)));
	box.append(tools, tree(text));
	return box;
}

function askedView(r) {
	const asked = requestMessages(parse(r.request));

	return asked.length > 0 ? messagesView(asked) : jsonView(r.request, 'noRequest');
}

function answerView(r) {
	const box = el('div', {class: 'answerpart'}), said = responseMessages(parse(r.response));

	if (r.error_msg !== '')
		box.append(el('div', {class: 'problem', role: 'alert'}, longText(r.error_msg)));
	if (said.length > 0)
		box.append(messagesView(said));
	else if (r.response !== '' && r.response !== 'null')
		box.append(jsonView(r.response, 'noResponse'));
	else if (r.error_msg === '')
		box.append(el('p', {class: 'none'}, r.status === 'pending' ? t('sending') : t('noResponse')));
	return box;
}

const views = {
	conversation: (r) => el('div', {class: 'conversation'}, askedView(r), el('div', {class: 'rule'}, t('answer')), answerView(r)),
	request: (r) => jsonView(r.request, 'noRequest'),
	response: (r) => jsonView(r.response, 'noResponse'),
	metadata: (r) => jsonView(r.metadata, 'noMetadata'),
};
let chosen = 'conversation';

// actions: {replay, chat, compare, remove}; where one is undefined its button is missing.
// Returns {choose(n): the n-th tab, update(r): it is complete now}.
export function showRecord(box, record, actions) {
	let r = record, line = figures(r);
	const {bar, body, choose} = tabs(Object.keys(views).map((k) => [k, () => views[k](r)]), chosen, (key) => { chosen = key; });
	const tools = el('div', {class: 'actions'}, button('replay', actions.replay, {class: 'primary', 'data-act': 'replay'}),
		button('chat', actions.chat, {'data-act': 'chat'}), actions.compare ? button('compare', actions.compare, {'data-act': 'compare'}) : null,
		button('delete', actions.remove, {'data-act': 'delete'}));
	const update = (now) => {
		const fresh = figures(now);
		line.replaceWith(fresh);
		line = fresh;
		const same = r.request === now.request, y = box.scrollTop;
		r = now;
		if (chosen === 'conversation' && same)	// the question stays as one opened it
			body.querySelector('.answerpart').replaceWith(answerView(r));
		else if (chosen !== 'request' || !same)
			choose(chosen);
		box.scrollTop = y;
	};

	box.replaceChildren(el('div', {class: 'recordhead'}, el('div', {class: 'recordtitle'}, el('h2', {}, t('turn', {n: r.turn_number})), tools),
		line, bar), body);
	return {choose: (n) => choose(Object.keys(views)[n]), update};
}
