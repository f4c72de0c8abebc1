// conversation.js - what was said, from any of the usual shapes: chat completions, the Responses API, Anthropic's messages.
//
// A message is {role, name, parts: [{kind: 'text' | 'reasoning' | 'call' | 'other', text, name}]}.

import {el, longText} from './dom.js';
import {tree} from './tree.js';
import {t} from './texts.js';

const AT_ONCE = 40;

const isObject = (v) => v !== null && typeof v === 'object' && !Array.isArray(v);
const asText = (v) => typeof v === 'string' ? v : JSON.stringify(v, null, 2);

export function parse(text) {
	try {
		return text === '' || text === undefined ? undefined : JSON.parse(text);
	} catch {
		return undefined;
	}
}

function partOf(p) {
	if (typeof p === 'string')
		return {kind: 'text', text: p};
	if (!isObject(p))
		return {kind: 'other', text: asText(p)};
	switch (p.type) {
	case 'text': case 'input_text': case 'output_text':
		return {kind: 'text', text: asText(p.text ?? '')};
	case 'refusal':
		return {kind: 'text', text: asText(p.refusal ?? '')};
	case 'thinking':
		return {kind: 'reasoning', text: asText(p.thinking ?? '')};
	case 'tool_use':
		return {kind: 'call', name: String(p.name), text: asText(p.input ?? {})};
	case 'tool_result':
		return {kind: 'text', text: contentOf(p.content).map((q) => q.text).join('\n')};
	default:
		return {kind: 'other', name: String(p.type ?? ''), text: asText(p)};
	}
}

function contentOf(content) {
	if (content === null || content === undefined)
		return [];
	return Array.isArray(content) ? content.map(partOf) : [partOf(content)];
}

function callOf(c) {
	const f = isObject(c) && isObject(c.function) ? c.function : isObject(c) ? c : {};

	return {kind: 'call', name: String(f.name ?? ''), text: asText(f.arguments ?? f.input ?? c)};
}

export function messageOf(m) {
	if (!isObject(m))
		return {role: 'user', parts: [partOf(m)]};
	const parts = [], thought = m.reasoning_content ?? m.reasoning;

	if (typeof thought === 'string' && thought !== '')
		parts.push({kind: 'reasoning', text: thought});
	parts.push(...contentOf(m.content));
	if (typeof m.refusal === 'string')
		parts.push({kind: 'text', text: m.refusal});
	if (Array.isArray(m.tool_calls))
		parts.push(...m.tool_calls.map(callOf));
	if (isObject(m.function_call))
		parts.push(callOf(m.function_call));
	return {role: String(m.role ?? 'user'), name: m.name ?? m.tool_call_id, parts};
}

// An item of the Responses API's input or output.
function itemOf(item) {
	if (!isObject(item) || item.type === undefined || item.type === 'message')
		return messageOf(item);
	if (item.type === 'function_call')
		return {role: 'assistant', parts: [callOf(item)]};
	if (item.type === 'function_call_output')
		return {role: 'tool', name: item.call_id, parts: contentOf(item.output)};
	if (item.type === 'reasoning')
		return {role: 'assistant', parts: [{kind: 'reasoning', text: [].concat(item.summary ?? [], item.content ?? [])
			.map((s) => isObject(s) ? s.text ?? '' : String(s)).join('\n')}]};
	return {role: String(item.role ?? item.type), parts: [partOf(item)]};
}

export function requestMessages(r) {
	const out = [];

	if (typeof r === 'string')
		return [{role: 'user', parts: [partOf(r)]}];
	if (!isObject(r))
		return [];
	for (const [role, text] of [['system', r.system], ['system', r.instructions]])
		if (text !== undefined && text !== null)
			out.push({role, parts: contentOf(text)});
	if (Array.isArray(r.messages))
		out.push(...r.messages.map(messageOf));
	else if (Array.isArray(r.input))
		out.push(...r.input.map(itemOf));
	else
		out.push(...[r.input, r.prompt].filter((p) => p !== undefined && p !== null).map((p) => ({role: 'user', parts: contentOf(p)})));
	return out;
}

export function responseMessages(r) {
	if (typeof r === 'string')
		return [{role: 'assistant', parts: [partOf(r)]}];
	if (!isObject(r))
		return [];
	if (Array.isArray(r.choices))
		return r.choices.filter(isObject).map((c) => isObject(c.message) ? {...messageOf({role: 'assistant', ...c.message}), end: c.finish_reason} :
			{role: 'assistant', parts: contentOf(c.text ?? c.delta?.content), end: c.finish_reason});
	if (Array.isArray(r.output))
		return r.output.map(itemOf).map((m) => ({...m, role: m.role === 'user' ? 'assistant' : m.role}));
	if (r.content !== undefined || isObject(r.message))
		return [{...messageOf({role: 'assistant', ...(isObject(r.message) ? r.message : r)}), end: r.stop_reason}];
	return [];
}

export const plain = (messages) => messages.flatMap((m) => m.parts.map((p) => p.kind === 'call' ? `${p.name}(${p.text})` : p.text)).join('\n');

// ---- shown ----

function partView(p) {
	if (p.kind === 'text')
		return longText(p.text);
	if (p.kind === 'reasoning')
		return el('details', {class: 'reasoning'}, el('summary', {}, t('reasoning')), longText(p.text));
	if (p.kind === 'call')
		return el('div', {class: 'call'}, el('div', {class: 'callname'}, `${t('toolCall')}: ${p.name}`), jsonOrText(p.text));
	return el('div', {class: 'call'}, el('div', {class: 'callname'}, p.name), jsonOrText(p.text));
}

function jsonOrText(text) {
	return /^\s*[[{]/.test(text) && parse(text) !== undefined ? tree(text) : longText(text);
}

const ROLES = new Set(['system', 'developer', 'user', 'assistant', 'tool', 'function']);

export function messageView(m) {
	const box = el('article', {class: `message ${ROLES.has(m.role) ? m.role : 'other'}`},
		el('div', {class: 'role'}, m.role, m.name ? el('span', {class: 'name'}, ` ${m.name}`) : null,
			m.end && m.end !== 'stop' && m.end !== 'end_turn' ? el('span', {class: 'end'}, ` ${m.end}`) : null));

	box.append(...(m.parts.length === 0 ? [el('div', {class: 'text none'}, t('untitled'))] : m.parts.map(partView)));
	return box;
}

// The last messages first: they are what one looks for.
export function messagesView(messages) {
	const box = el('div', {class: 'messages'});
	let first = Math.max(0, messages.length - AT_ONCE);
	const earlier = () => {
		const from = Math.max(0, first - AT_ONCE * 5), more = messages.slice(from, first).map(messageView);
		box.firstChild.remove();
		box.prepend(...more);
		first = from;
		addEarlier();
	};
	const addEarlier = () => {
		if (first > 0)
			box.prepend(el('button', {type: 'button', class: 'more', onclick: earlier}, t('earlier', {n: first})));
	};

	box.append(...messages.slice(first).map(messageView));
	addEarlier();
	return box;
}
