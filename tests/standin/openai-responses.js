'use strict';
/*
 * openai-responses.js - POST and GET /v1/responses of the OpenAI stand-in.
 */
const {fail, want, wantType, wantOne, wantParams, objectOf, modelOf} = require('./openai-check.js');
const {words, newId} = require('./openai-chat.js');

const PARAMS = {
	background: [['boolean']], conversation: [['string', 'object']], include: [['array']], input: [['string', 'array']], instructions: [['string']],
	max_output_tokens: [['integer'], 16, 1e9], max_tool_calls: [['integer']], metadata: [['object']], model: [['string']],
	parallel_tool_calls: [['boolean']], previous_response_id: [['string']], prompt: [['object']], prompt_cache_key: [['string']],
	reasoning: [['object']], safety_identifier: [['string']], service_tier: [['string']], store: [['boolean']], stream: [['boolean']],
	stream_options: [['object']], temperature: [['number'], 0, 2], text: [['object']], tool_choice: [['string', 'object']], tools: [['array']],
	top_logprobs: [['integer'], 0, 20], top_p: [['number'], 0, 1], truncation: [['string']], user: [['string']],
};
const stored = new Map();

function check(body, config) {
	modelOf(body, config.models);
	want(body, 'input');
	wantParams(body, PARAMS, config.vendor);
	if (Array.isArray(body.input))
		body.input.forEach((item, i) => {
			const at = 'input[' + i + ']';
			wantType(item, ['object'], at);
			if (item.type === undefined || item.type === 'message')
				wantOne(item.role, ['assistant', 'system', 'developer', 'user'], at);
		});
	(body.tools || []).forEach((t, i) => {
		wantType(t, ['object'], 'tools[' + i + ']');
		if (t.type === 'function' && typeof t.name !== 'string')
			fail(400, 'Missing required parameter: \'tools[' + i + '].name\'.', 'tools[' + i + '].name', 'missing_required_parameter');
	});
	if (body.previous_response_id && !stored.has(body.previous_response_id))
		fail(400, 'Previous response with id \'' + body.previous_response_id + '\' not found.', 'previous_response_id', 'previous_response_not_found');
}

function lastText(input) {
	if (typeof input === 'string')
		return input;
	const item = input[input.length - 1] || {};
	const content = item.content === undefined ? item.output || '' : item.content;
	return typeof content === 'string' ? content : content.map((p) => p.text || '').join('');
}

/* The output items of an answer. */
function outputOf(body, config) {
	const laid = config.answers.shift() || {};
	const tools = (body.tools || []).filter((t) => t.type === 'function');
	const last = Array.isArray(body.input) ? body.input[body.input.length - 1] : {role: 'user'};
	if (!laid.content && tools.length > 0 && last.role === 'user')
		return tools.map((t) => ({id: newId('fc_', 24), type: 'function_call', status: 'completed',
			arguments: JSON.stringify({text: lastText(body.input)}), call_id: newId('call_', 24), name: t.name}));
	return [{id: newId('msg_', 24), type: 'message', status: 'completed',
		content: [{type: 'output_text', annotations: [], logprobs: [], text: laid.content || 'You said: ' + lastText(body.input)}], role: 'assistant'}];
}

function objectFor(body, config, status, output) {
	const used = words(JSON.stringify(output)).length;
	const read = words(JSON.stringify(body.input)).length;
	return {
		id: '', object: 'response', created_at: Math.floor(Date.now() / 1000), status, background: false, error: null,
		incomplete_details: status === 'incomplete' ? {reason: 'max_output_tokens'} : null,
		instructions: body.instructions === undefined ? null : body.instructions, max_output_tokens: body.max_output_tokens || null,
		model: config.snapshots[body.model] || body.model, output, parallel_tool_calls: body.parallel_tool_calls !== false,
		previous_response_id: body.previous_response_id || null, reasoning: {effort: null, summary: null}, store: body.store !== false,
		temperature: body.temperature === undefined ? 1 : body.temperature, text: {format: {type: 'text'}},
		tool_choice: body.tool_choice || 'auto', tools: body.tools || [], top_p: 1, truncation: 'disabled',
		usage: status === 'in_progress' ? null : {input_tokens: read, input_tokens_details: {cached_tokens: 0}, output_tokens: used,
			output_tokens_details: {reasoning_tokens: 0}, total_tokens: read + used},
		user: body.user || null, metadata: body.metadata || {},
	};
}

/* The events between the first and the last one. */
function itemEvents(item, output_index) {
	const out = [];
	const item_id = item.id;
	if (item.type === 'function_call') {
		out.push({type: 'response.output_item.added', output_index, item: Object.assign({}, item, {status: 'in_progress', arguments: ''})});
		for (const delta of words(item.arguments))
			out.push({type: 'response.function_call_arguments.delta', item_id, output_index, delta});
		out.push({type: 'response.function_call_arguments.done', item_id, output_index, arguments: item.arguments, name: item.name});
	} else {
		const at = {item_id, output_index, content_index: 0};
		const text = item.content[0].text;
		out.push({type: 'response.output_item.added', output_index, item: Object.assign({}, item, {status: 'in_progress', content: []})});
		out.push(Object.assign({type: 'response.content_part.added'}, at, {part: Object.assign({}, item.content[0], {text: ''})}));
		for (const delta of words(text))
			out.push(Object.assign({type: 'response.output_text.delta'}, at, {delta, logprobs: []}));
		out.push(Object.assign({type: 'response.output_text.done'}, at, {text, logprobs: []}));
		out.push(Object.assign({type: 'response.content_part.done'}, at, {part: item.content[0]}));
	}
	out.push({type: 'response.output_item.done', output_index, item});
	return out;
}

/* Returns {object} or {events: [{event, data}]}; no [DONE]. */
function responses(req, config) {
	const body = objectOf(req);
	check(body, config);
	const output = outputOf(body, config);
	const id = newId('resp_', 48);
	const whole = (status, items) => Object.assign(objectFor(body, config, status, items), {id});
	const ended = config.stream.end === 'failed' ? 'failed' : config.stream.end === 'incomplete' ? 'incomplete' : 'completed';
	const object = whole(ended, output);
	if (ended === 'failed')
		object.error = {code: 'server_error', message: 'The model failed to generate a response.'};
	if (body.store !== false)
		stored.set(id, object);
	if (!body.stream)
		return {object};
	let list = [{type: 'response.created', response: whole('in_progress', [])}, {type: 'response.in_progress', response: whole('in_progress', [])}];
	output.forEach((item, i) => { list = list.concat(itemEvents(item, i)); });
	list.push({type: 'response.' + ended, response: object});
	return {text: lastText(body.input), events: list.map((e, i) => {
		const {type, ...rest} = e;
		return {event: type, data: JSON.stringify(Object.assign({type, sequence_number: i}, rest)), last: i === list.length - 1};
	})};
}

function getResponse(id) {
	if (!stored.has(id))
		fail(404, 'Response with id \'' + id + '\' not found.');
	return {status: 200, body: stored.get(id)};
}

module.exports = {responses, getResponse, lastText};
