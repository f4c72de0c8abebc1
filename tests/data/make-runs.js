'use strict';
/*
 * make-runs.js - sample runs as LangSmith's v1 API gives them, and the last
 * user message of each, known by construction.
 *
 *   node make-runs.js [OPTION]...              the runs, NDJSON
 *   node make-runs.js [OPTION]... --expected   {"run_id","input"}
 *
 * --end T     no run starts after T (RFC 3339, default 2026-11-20T12:00:00Z);
 *             the runs spread over the 13 days before it, newest first
 * --big BYTES one run holds a message of that many bytes (default 5242880,
 *             0 leaves it out)
 *
 * --no-lone   leaves out the runs with a lone surrogate, at which jq 1.6 stops
 *
 * require() gives makeRuns({end, big, noLone}), a list of {id, startMs, root, line,
 * expected}; line and expected are strings without the newline.
 *
 * Every template states the text that it puts in as the last user message.
 * No extractor is at work here, or a test against it would prove nothing.  JSON
 * is spelled by hand: JSON.stringify can't write 1e400, a lone surrogate, a
 * key that stands twice, or one character in several spellings.
 *
 * Node built-ins only, and no syntax newer than Node 12.
 */
const stream = require('stream');

/* ---- chance, the same in every run ---- */

function makeRandom(seed) {
	let a = seed >>> 0;
	return function () {		/* mulberry32 */
		a = (a + 0x6d2b79f5) >>> 0;
		let t = Math.imul(a ^ (a >>> 15), 1 | a);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

let random = makeRandom(1);
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const chance = (p) => random() < p;

function hex(n) {
	let s = '';
	while (s.length < n)
		s += below(16).toString(16);
	return s;
}

/* SDKs of today make version 7 ids, older ones version 4. */
function uuid() {
	const version = chance(0.5) ? '4' : '7';
	return hex(8) + '-' + hex(4) + '-' + version + hex(3) + '-' + pick(['8', '9', 'a', 'b']) + hex(3) + '-' + hex(12);
}

/* ---- JSON by hand ---- */

/* A piece of JSON text that is written as it stands. */
class Raw {
	constructor(text) {
		this.text = text;
	}
}
const raw = (text) => new Raw(text);

/* An object from pairs, so that keys may repeat; a key may be Raw (with its quotes). */
function members(pairs) {
	return raw('{' + pairs.map((p) => json(p[0]) + ':' + json(p[1])).join(',') + '}');
}

function json(v) {
	if (v instanceof Raw)
		return v.text;
	if (v instanceof Text)
		return '"' + v.raw + '"';
	if (typeof v === 'string')
		return '"' + spell(v, 'least') + '"';
	if (Array.isArray(v))
		return '[' + v.map(json).join(',') + ']';
	if (v !== null && typeof v === 'object')
		return '{' + Object.keys(v).filter((k) => v[k] !== undefined).map((k) => json(k) + ':' + json(v[k])).join(',') + '}';
	return String(v);
}

const SHORT = {'"': '\\"', '\\': '\\\\', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t'};

function unicodeEscape(unit) {
	return '\\u' + (0x10000 + unit).toString(16).slice(1);
}

/*
 * The inside of a JSON string that means s:
 *   least    escapes what must be
 *   ascii    as Python's json.dumps: all beyond ASCII as \uxxxx
 *   all      every character as \uxxxx
 *   odd      legal but unusual: \/, upper-case hex, needless escapes
 */
function spell(s, how) {
	let out = '';
	for (let i = 0; i < s.length; i++) {
		const c = s[i];
		const unit = s.charCodeAt(i);
		if (how === 'all')
			out += unicodeEscape(unit);
		else if (how === 'odd' && c === '/')
			out += '\\/';
		else if (how === 'odd' && (unit < 0x20 || i % 3 === 0) && (unit < 0xd800 || unit > 0xdfff))
			out += '\\u' + unicodeEscape(unit).slice(2).toUpperCase();
		else if (SHORT[c])
			out += SHORT[c];
		else if (unit < 0x20 || (how === 'ascii' && unit > 0x7e))
			out += unicodeEscape(unit);
		else
			out += c;
	}
	return out;
}

/* What Python's json.dumps would have written: no byte beyond ASCII in the line. */
function asciiOnly(text) {
	let out = '';
	for (let i = 0; i < text.length; i++)
		out += text.charCodeAt(i) > 0x7e ? unicodeEscape(text.charCodeAt(i)) : text[i];
	return out;
}

/* Puts white space where JSON allows it: after : and , as Python does, or everywhere. */
function spaced(text, everywhere) {
	let out = '';
	let inside = false;
	for (let i = 0; i < text.length; i++) {
		const c = text[i];
		if (inside) {
			out += c;
			if (c === '\\')
				out += text[++i];
			else if (c === '"')
				inside = false;
		} else if (c === '"') {
			inside = true;
			out += c;
		} else if (c === ':' || c === ',') {
			out += (everywhere ? ' \t' : '') + c + ' ';
		} else if (everywhere && '{}[]'.indexOf(c) >= 0) {
			out += ' ' + c + '\t ';
		} else {
			out += c;
		}
	}
	return out;
}

/* ---- texts ---- */

/* A message: how its JSON string is spelled, and what it means (null: not said). */
class Text {
	constructor(rawText, meaning) {
		this.raw = rawText;
		this.meaning = meaning;
	}
}

const PLAIN = [
	'How do I reset my password?',
	'请帮我总结一下这份季度报告的重点。',
	'明天台北的天气怎么样？需要带伞吗？',
	'請問這個 API 的 rate limit 是多少？我一直收到 429。',
	'Translate to English: 「山重水复疑无路，柳暗花明又一村。」',
	'把下面的 SQL 改写成不用子查询：\nSELECT * FROM t WHERE id IN (SELECT id FROM u);\n谢谢',
	'Write a haiku about garbage collection.',
	'Why does `printf("%d\\n", x)` print -1 when x is size_t?',
	'路径是 C:\\Users\\小明\\桌面\\报告.docx，为什么打不开？',
	'He said "no", then "maybe", then \'yes\'.',
	'第一行\r\n第二行\r\n第三行',
	'tabs\tand\tmore\ttabs, a bell \u0007, an escape \u001b[31m, a NUL \u0000 and DEL \u007f.',
	'\b\f are rare; so are \u2028 and \u2029, \ufeff and \u200b.',
	'😀 今天心情不错 🎉🎉',
	'一家人 👨‍👩‍👧‍👦 去看 🏳️‍🌈，👩🏽‍💻 在写代码',
	'生僻字：𠀀𠮷𡃁𪚥，还有 𝒜𝓃 𝕚𝕞𝕡𝕠𝕣𝕥𝕒𝕟𝕥 letter',
	'日本語とカタカナ、ｶﾅ、그리고 한국어, а также русский, وبعض العربية.',
	'e\u0301 is not é, and ﬁ is not fi. Größe, naïve, Ångström.',
	'{"not":"a message list","a":[1,2,{"b":null}]}',
	'[1,2,3] is what I get, [3,2,1] is what I want.',
	'  leading and trailing blanks stay  ',
	'Please fix: "messages":[{"role":"user","content":"decoy"}] does not parse \\"',
	'這裡有全形標點，。！？；：「」『』（）《》〈〉…—～',
	'https://example.com/a/b?c=d&e=%E4%B8%AD#frag </script> <b>&amp;</b>',
	'1e400 -0 0.1 12345678901234567890',
	'\\u4e2d is six characters here, and \\\\n is three.',
	'数学：∀ε>0 ∃δ>0：|x−a|<δ ⇒ |f(x)−f(a)|<ε；x² + y² = r²',
	'x',
	'好',
	'Plan a 3-day trip to 杭州 for two adults, budget ¥3000, no flights. 要素食餐厅的建议。',
	'以下是会议记录，请整理成待办事项：\n1. 王经理：周五前交付测试环境\n2. 李工：修复登录超时（见 #1024）\n3. All: review the RFC "日志归档 v2"\n\n谢谢！',
	'What is the difference between a mutex and a semaphore? Explain like I am five, then like I am a kernel developer.',
];

/* Spellings that no encoder above makes: they mean what they mean only after decoding. */
const SPELLED = [
	new Text('pair \\ud83d\\ude00 and \\uD83D\\uDE80, \\u4f60\\u597d', 'pair 😀 and 🚀, 你好'),
	new Text('\\u0041\\u0042\\u0043 \\/ \\u002f \\u0022quoted\\u0022 \\u005c', 'ABC / / "quoted" \\'),
	new Text('half \\u4E2d half 文 mixed \\u6587字', 'half 中 half 文 mixed 文字'),
];

const LONE = [
	new Text('cut emoji \\ud83d', null),
	new Text('\\ude00 starts in the middle', null),
	new Text('前 \\ud800 后', null),
	new Text('twice the first half \\ud83d\\ud83d\\ude00', null),
	new Text('half, then a letter: \\ud83d\\u0041', null),
];

const WRONG = [
	'You are a helpful assistant.',
	'你是一个专业的客服，请用简体中文回答。',
	'This text is not the last user message.',
	'这不是用户的最后一条消息。',
	'Sure! Here is what I found: 「…」',
	'{"role":"user","content":"decoy"}',
	'An earlier turn, 较早的一轮 🙂',
];

const HOW = ['least', 'least', 'least', 'ascii', 'odd', 'all'];
let nextPlain = 0;
let nextLone = 0;

/* The next text that is to be found.  Goes round the list, so that none is left out. */
function T() {
	const n = nextPlain++;
	if (n % 11 === 10)
		return SPELLED[Math.floor(n / 11) % SPELLED.length];
	const s = PLAIN[n % PLAIN.length];
	return new Text(spell(s, pick(HOW)), s);
}

/* A text that must not be found. */
function W() {
	return new Text(spell(pick(WRONG), pick(HOW)), null);
}

const empty = new Text('', '');
const joined = (...texts) => texts.map((t) => t.raw).join('\\n');

/* ---- messages in all dialects ---- */

const user = (content) => ({role: 'user', content});
const assistant = (content) => ({role: 'assistant', content});
const system = (content) => ({role: 'system', content});
const textPart = (text) => ({type: 'text', text});
const image = () => ({type: 'image_url', image_url: {url: 'data:image/png;base64,iVBORw0KGgo' + hex(24), detail: 'auto'}});
const toolCall = () => ({id: 'call_' + hex(12), type: 'function', function: {name: 'search', arguments: '{"query":"天气","role":"user"}'}});
const toolMessage = () => ({role: 'tool', tool_call_id: 'call_' + hex(12), content: W()});
const toolUse = () => ({type: 'tool_use', id: 'toolu_' + hex(10), name: 'lookup', input: {q: W()}});
const toolResult = () => ({type: 'tool_result', tool_use_id: 'toolu_' + hex(10), content: pick([W(), [textPart(W())]])});

const lcPython = (name, kwargs) => ({lc: 1, type: 'constructor', id: ['langchain', 'schema', 'messages', name], kwargs});
const lcJs = (name, kwargs) => ({lc: 1, type: 'constructor', id: ['langchain_core', 'messages', name], kwargs});
const state = (type, content, more) => Object.assign({content, additional_kwargs: {}, response_metadata: {}, type, name: null, id: uuid()}, more);
const stored = (type, content) => ({type, data: {content, additional_kwargs: {}, role: null, name: null}});

/* A message list inside a JSON string: what it holds is written first, then escaped as a whole. */
function inString(value, how) {
	return raw('"' + spell(json(value), how || 'least') + '"');
}
/*
 * Found inside such a string, a text leaves decoded and spelled anew: Raw, since
 * the spelling of the line around it has no say.
 */
const anew = (...texts) => raw(spell(texts.map((t) => t.meaning).join('\n'), 'least'));

/*
 * The templates.  Each gives [inputs, raw text of the last user message or
 * null, fields of the run to set].  The number in the key is the row of the
 * table of shapes; k is about keys, x about what stands beside the message.
 */
const TEMPLATES = {
	/* 1: OpenAI chat */
	'1 system, user': () => { const t = T(); return [{messages: [system(W()), user(t)]}, t.raw]; },
	'1 only user': () => { const t = T(); return [{messages: [user(t)], model: 'm-large', temperature: raw('0.70'), stream: true}, t.raw]; },
	'1 turns': () => { const t = T(); return [{messages: [system(W()), user(W()), assistant(W()), user(t)]}, t.raw]; },
	'1 assistant last': () => { const t = T(); return [{messages: [user(W()), assistant(W()), user(t), assistant(W())]}, t.raw]; },
	'1 tools follow': () => { const t = T(); return [{messages: [user(t), {role: 'assistant', content: null, tool_calls: [toolCall()]}, toolMessage()], tools: [{type: 'function', function: {name: 'search', parameters: {type: 'object', properties: {messages: {type: 'array'}}}}}]}, t.raw]; },
	'1 role human': () => { const t = T(); return [{messages: [system(W()), {role: 'human', content: t}]}, t.raw]; },
	'1 content first': () => { const t = T(); return [{stream: false, messages: [{content: W(), role: 'assistant'}, {content: t, name: 'wang', role: 'user'}]}, t.raw]; },
	'1 developer': () => { const t = T(); return [{messages: [{role: 'developer', content: W()}, user(t)]}, t.raw]; },
	'1 last is empty': () => { const t = T(); return [{messages: [user(W()), user(t), assistant(W()), user(empty)]}, t.raw]; },
	'1 all are empty': () => [{messages: [user(empty), assistant(W()), user(empty)]}, null],
	'1 blanks are text': () => { const t = new Text(pick([' ', '\\n', '\\t\\r\\n', '\\u0020', '　']), null); return [{messages: [user(W()), user(t)]}, t.raw]; },
	'1 content null': () => { const t = T(); return [{messages: [user(t), assistant(W()), user(null)]}, t.raw]; },
	'1 content missing': () => { const t = T(); return [{messages: [user(t), {role: 'user'}]}, t.raw]; },
	'1 content is no text': () => { const t = T(); return [{messages: [user(t), user(42), user(true), user({text: W()})]}, t.raw]; },
	'1 odd elements': () => { const t = T(); return [{messages: [user(t), null, 7, {}, [], 'stray', {role: null, content: W()}, {role: 5, content: W()}, {role: 'USER', content: W()}]}, t.raw]; },
	'1 lone surrogate': () => { const t = LONE[nextLone++ % LONE.length]; return [{messages: [system(W()), user(t)]}, t.raw]; },

	'1 lone surrogates, tool calls follow': () => { const t = LONE[nextLone++ % LONE.length]; return [{messages: [user(t), {role: 'assistant', content: null, tool_calls: [toolCall()]}, toolMessage()]}, t.raw]; },

	/* 2: content parts */
	'2 text and image': () => { const t = T(); return [{messages: [user([textPart(t), image()])]}, t.raw]; },
	'2 image first': () => { const t = T(); return [{messages: [system(W()), user([image(), textPart(t)])]}, t.raw]; },
	'2 two texts': () => { const a = T(), b = T(); return [{messages: [user([textPart(a), image(), textPart(b)])]}, joined(a, b)]; },
	'2 three texts, keys turned': () => { const a = T(), b = T(), c = T(); return [{messages: [user([{text: a, type: 'text'}, {cache_control: {type: 'ephemeral'}, text: b, type: 'text'}, textPart(c)])]}, joined(a, b, c)]; },
	'2 image only': () => { const t = T(); return [{messages: [user(t), assistant(W()), user([image()])]}, t.raw]; },
	'2 images everywhere': () => [{messages: [system(W()), user([image()]), user([image(), image()])]}, null],
	'2 bare strings': () => { const a = T(), b = T(); return [{messages: [user([a, textPart(b)])]}, joined(a, b)]; },
	'2 empty parts': () => { const t = T(); return [{messages: [user([textPart(empty), textPart(t), empty])]}, t.raw]; },
	'2 only empty parts': () => { const t = T(); return [{messages: [user(t), user([textPart(empty), textPart(empty)]), user([])]}, t.raw]; },
	'2 other types with text': () => { const t = T(); return [{messages: [user([{type: 'text-plain', text: W()}, textPart(t), {type: 'thinking', text: W()}])]}, t.raw]; },
	'2 text is no string': () => { const t = T(); return [{messages: [user([{type: 'text', text: null}, {type: 'text', text: {value: W()}}, textPart(t), {type: 'text'}, null, 3])]}, t.raw]; },
	'2 lone surrogates joined': () => { const a = LONE[0], b = LONE[1]; return [{messages: [user([textPart(a), textPart(b)])]}, joined(a, b)]; },

	/* 3, 4: Responses */
	'3 string': () => { const t = T(); return [{model: 'm-large', input: t, instructions: W()}, t.raw]; },
	'3 string, first key': () => { const t = T(); return [{input: t, previous_response_id: 'resp_' + hex(16), store: true}, t.raw]; },
	'4 items': () => { const t = T(); return [{input: [{role: 'user', content: [{type: 'input_text', text: t}]}, {type: 'function_call', call_id: 'c', name: 'f', arguments: '{}'}, {type: 'function_call_output', call_id: 'c', output: W()}], instructions: W()}, t.raw]; },
	'4 easy input': () => { const t = T(); return [{input: [{role: 'developer', content: W()}, {role: 'user', content: t}], model: 'm'}, t.raw]; },
	'4 typed items': () => { const t = T(); return [{input: [{type: 'message', role: 'user', content: [{type: 'input_text', text: W()}]}, {type: 'reasoning', id: 'rs_1', summary: [{type: 'summary_text', text: W()}]}, {type: 'message', role: 'assistant', content: [{type: 'output_text', text: W(), annotations: []}]}, {type: 'message', role: 'user', content: [{type: 'input_text', text: t}]}]}, t.raw]; },
	'4 image only last': () => { const t = T(); return [{input: [{role: 'user', content: [{type: 'input_text', text: t}, {type: 'input_image', image_url: 'https://example.com/1.png'}]}, {role: 'user', content: [{type: 'input_file', file_id: 'file-1'}]}]}, t.raw]; },
	'4 only outputs': () => [{input: [{type: 'function_call_output', call_id: 'c', output: W()}, {type: 'item_reference', id: 'msg_1'}], instructions: W()}, null],

	/* 5, 6: LangChain constructors */
	'5 one batch': () => { const t = T(); return [{messages: [[lcPython('HumanMessage', {content: t, type: 'human'})]]}, t.raw]; },
	'5 system, human, ai': () => { const t = T(); return [{messages: [[lcPython('SystemMessage', {content: W(), type: 'system'}), lcPython('HumanMessage', {content: t, type: 'human'}), lcPython('AIMessage', {content: W(), type: 'ai', tool_calls: []})]]}, t.raw]; },
	'5 two batches': () => { const t = T(); return [{messages: [[lcPython('HumanMessage', {content: W(), type: 'human'})], [lcPython('SystemMessage', {content: W()}), lcPython('HumanMessage', {content: t})]]}, t.raw]; },
	'5 last batch without': () => [{messages: [[lcPython('HumanMessage', {content: W(), type: 'human'})], [lcPython('SystemMessage', {content: W(), type: 'system'})]]}, null],
	'5 chunk': () => { const t = T(); return [{messages: [[lcPython('HumanMessageChunk', {content: t, type: 'HumanMessageChunk'}), lcPython('AIMessageChunk', {content: W(), type: 'AIMessageChunk'})]]}, t.raw]; },
	'5 plain objects': () => { const t = T(); return [{messages: [[system(W()), user(t)]]}, t.raw]; },
	'5 id after kwargs': () => { const t = T(); return [{messages: [[{id: ['langchain', 'schema', 'messages', 'SystemMessage'], kwargs: {content: W()}, lc: 1, type: 'constructor'}, {kwargs: {additional_kwargs: {}, content: t}, id: ['langchain', 'schema', 'messages', 'HumanMessage'], type: 'constructor', lc: 1}]]}, t.raw]; },
	'6 flat, parts': () => { const t = T(); return [{messages: [lcJs('HumanMessage', {content: [textPart(t)]})]}, t.raw]; },
	'6 flat, string': () => { const t = T(); return [{messages: [lcJs('SystemMessage', {content: W()}), lcJs('HumanMessage', {content: t, additional_kwargs: {}, response_metadata: {}}), lcJs('ToolMessage', {content: W(), tool_call_id: 'c'})]}, t.raw]; },
	'6 flat, chunk, two parts': () => { const a = T(), b = T(); return [{messages: [lcJs('HumanMessageChunk', {content: [textPart(a), image(), textPart(b)]}), lcJs('AIMessageChunk', {content: W()})]}, joined(a, b)]; },
	'6 flat, image only': () => { const t = T(); return [{messages: [lcJs('HumanMessage', {content: t}), lcJs('HumanMessage', {content: [image()]})]}, t.raw]; },

	/* 7, 8: LangGraph state, stored messages */
	'7 human': () => { const t = T(); return [{messages: [state('human', t)]}, t.raw]; },
	'7 turns': () => { const t = T(); return [{messages: [state('system', W()), state('human', W()), state('ai', W(), {tool_calls: [], usage_metadata: {input_tokens: 9, output_tokens: 3}}), state('human', t), state('ai', empty, {tool_calls: [{name: 'search', args: {q: W()}, id: 'c', type: 'tool_call'}]}), state('tool', W(), {tool_call_id: 'c', status: 'success'})]}, t.raw]; },
	'7 parts': () => { const t = T(); return [{messages: [state('human', [textPart(t), image()]), state('ai', [{type: 'text', text: W()}])]}, t.raw]; },
	'7 empty last': () => { const t = T(); return [{messages: [state('human', t), state('human', empty)]}, t.raw]; },
	'7 subgraph': () => { const t = T(); return [{messages: [{content: t, type: 'human'}, {type: 'remove', id: uuid(), content: empty}], remaining_steps: 24, is_last_step: false}, t.raw]; },
	'8 stored': () => { const t = T(); return [{messages: [stored('system', W()), stored('human', t)]}, t.raw]; },
	'8 stored, parts, ai last': () => { const t = T(); return [{messages: [stored('human', [textPart(t)]), stored('ai', W())]}, t.raw]; },

	/* 9: tuples */
	'9 user': () => { const t = T(); return [{messages: [['system', W()], ['user', t]]}, t.raw]; },
	'9 human': () => { const t = T(); return [{messages: [['human', W()], ['ai', W()], ['human', t]]}, t.raw]; },
	'9 ai last, empty human': () => { const t = T(); return [{messages: [['human', t], ['human', empty], ['ai', W()]]}, t.raw]; },
	'9 among objects': () => { const t = T(); return [{messages: [user(W()), ['user', t], assistant(W())]}, t.raw]; },
	'9 only system': () => [{messages: [['system', W()], ['ai', W()]]}, null],

	/* 10: traced functions, agents */
	'10 string': () => { const t = T(); return [{input: t}, t.raw]; },
	'10 string and history': () => { const t = T(); return [{chat_history: [state('human', W()), state('ai', W())], input: t, intermediate_steps: []}, t.raw]; },
	'10 list': () => { const t = T(); return [{input: [state('human', W()), state('ai', W()), state('human', t)]}, t.raw]; },
	'10 object': () => { const t = T(); return [{input: {messages: [user(t), assistant(W())], thread: 'x'}}, t.raw]; },
	'10 inputs': () => { const t = T(); return [{inputs: {messages: [['user', t]]}}, t.raw]; },
	'10 inputs, list': () => { const t = T(); return [{config: {}, inputs: [user(t)]}, t.raw]; },
	'10 chat': () => { const t = T(); return [{chat: [user(W()), assistant(W()), user(t)], trigger: 'submit'}, t.raw]; },
	'10 chat beats input string': () => { const t = T(); return [{input: W(), chat: [user(t)]}, t.raw]; },
	'10 JSON that is no list of messages': () => { const t = new Text(spell(pick(['[1,2,3]', '[]', '{"a":1}', '{"messages":"x"}', '["a","b"]', '[{"id":1,"name":"王"}]', '{"messages":[]}']), 'least'), null); return [{input: t}, t.raw]; },
	'10 looks like JSON but is not': () => { const t = new Text(spell(pick(['[{"role":"user","content":"x"}', '{"messages":[{"role":"user","content":"x"}]', '[{"role":"user","content":"x"}] 请解释', '{\'role\':\'user\'}', '[{"role":"user","content":"x"},]', '[{"role":"user","content":"x","n":NaN}]']), 'least'), null); return [{input: t}, t.raw]; },
	'10 number': () => [{input: raw('12345678901234567890')}, null],
	'10 empty list': () => [{input: []}, null],
	'10 empty list in object': () => [{input: {messages: []}}, null],

	/* 11: fields of applications */
	'11 question': () => { const t = T(); return [{question: t, chat_history: [user(W())], context: [W()]}, t.raw]; },
	'11 query': () => { const t = T(); return [{top_k: 5, query: t}, t.raw]; },
	'11 prompt': () => { const t = T(); return [{prompt: t, max_tokens: raw('256.0')}, t.raw]; },
	'11 user_input': () => { const t = T(); return [{user_input: t}, t.raw]; },
	'11 chatInput': () => { const t = T(); return [{sessionId: hex(8), action: 'sendMessage', chatInput: t}, t.raw]; },
	'11 text': () => { const t = T(); return [{text: t}, t.raw]; },
	'11 message': () => { const t = T(); return [{message: t, channel: 'web'}, t.raw]; },
	'11 content': () => { const t = T(); return [{content: t}, t.raw]; },
	'11 order': () => { const t = T(); return [{content: W(), text: W(), prompt: W(), query: W(), question: t}, t.raw]; },
	'11 input before question': () => { const t = T(); return [{question: W(), input: t}, t.raw]; },
	'11 empty is no text': () => { const t = T(); return [{input: empty, question: empty, query: t}, t.raw]; },
	'11 no string': () => { const t = T(); return [{input: null, question: {text: W()}, query: 7, user_input: t}, t.raw]; },
	'11 null messages': () => { const t = T(); return [{messages: null, query: t}, t.raw]; },
	'11 unknown field': () => [{topic: W(), city: W(), n: 3}, null],

	/* 12: completion models */
	'12 one': () => { const t = T(); return [{prompts: [t]}, t.raw]; },
	'12 last': () => { const t = T(); return [{prompts: [W(), W(), t]}, t.raw]; },
	'12 none': () => [{prompts: pick([[], [empty], [null]])}, null],

	/* 13: Anthropic */
	'13 raw': () => { const t = T(); return [{model: 'c', max_tokens: 1024, system: W(), messages: [user(t), assistant([toolUse()]), user([toolResult()])]}, t.raw]; },
	'13 wrapped': () => { const t = T(); return [{messages: [system(W()), user(t), assistant([textPart(W()), toolUse()]), user([toolResult(), toolResult()])]}, t.raw]; },
	'13 result and text': () => { const t = T(); return [{system: [textPart(W())], messages: [user(W()), assistant([toolUse()]), user([toolResult(), textPart(t)])]}, t.raw]; },
	'13 only results': () => [{system: W(), messages: [user([toolResult()])]}, null],

	/* 14: Gemini */
	'14 role': () => { const t = T(); return [{contents: [{role: 'user', parts: [{text: t}]}], model: 'g'}, t.raw]; },
	'14 no role': () => { const t = T(); return [{contents: [{parts: [{text: t}]}]}, t.raw]; },
	'14 no role, model last': () => { const t = T(); return [{contents: [{parts: [{text: t}]}, {role: 'model', parts: [{text: W()}]}]}, t.raw]; },
	'14 role null': () => { const t = T(); return [{contents: [{role: null, parts: [{text: t}]}]}, t.raw]; },
	'14 string': () => { const t = T(); return [{model: 'g', contents: t, config: null}, t.raw]; },
	'14 parts': () => { const a = T(), b = T(); return [{contents: [{role: 'user', parts: [{text: a}, {inline_data: {mime_type: 'image/png', data: hex(16)}}, {text: b}]}]}, joined(a, b)]; },
	'14 bare parts': () => { const a = T(), b = T(); return [{contents: [{role: 'user', parts: [a, b]}]}, joined(a, b)]; },
	'14 functions follow': () => { const t = T(); return [{contents: [{role: 'user', parts: [{text: t}]}, {role: 'model', parts: [{functionCall: {name: 'f', args: {}}}]}, {role: 'user', parts: [{functionResponse: {name: 'f', response: {text: W()}}}]}]}, t.raw]; },
	'14 only model': () => [{contents: [{role: 'model', parts: [{text: W()}]}]}, null],
	'14 messages without role': () => [{messages: [{parts: [{text: W()}]}]}, null],

	/* 15: positional arguments */
	'15 one': () => { const t = T(); return [{args: [t], kwargs: {}}, t.raw]; },
	'15 only string': () => { const t = T(); return [{args: [{x: W()}, t, 5, null], kwargs: {verbose: true}}, t.raw]; },
	'15 two strings': () => [{args: [W(), W()], kwargs: {}}, null],
	'15 none': () => [{args: [], kwargs: {n: 1}}, null],

	/* 16: mixed state */
	'16 messages win': () => { const t = T(); return [{context_window_tokens: 0, expanded_queries: [], messages: [state('human', t)], query: W(), original_query: W(), input: W()}, t.raw]; },
	'16 query first': () => { const t = T(); return [{query: W(), original_query: W(), messages: [state('human', t), state('ai', W())]}, t.raw]; },
	'16 nothing in messages': () => [{query: W(), messages: [state('system', W()), state('ai', W())], input: W()}, null],
	'16 empty messages': () => [{messages: [], query: W()}, null],
	'16 content empty, parts full': () => { const t = T(); return [{messages: [{id: hex(8), role: 'user', content: empty, parts: [textPart(t)]}]}, t.raw]; },

	/* 17: nothing there */
	'17 null': () => [null, null],
	'17 empty': () => [{}, null],
	'17 absent': () => [undefined, null],
	'17 stored apart': () => [pick([null, {}]), null, {inputs_s3_urls: {ROOT: {presigned_url: 'https://example.com/blob/' + hex(8) + '?sig=' + hex(16), s3_url: 's3://bucket/' + hex(8)}}}],

	/* 18: made by the program */
	'18 retriever': () => [{query: W()}, null, {run_type: 'retriever', name: 'VectorStoreRetriever'}],
	'18 tool': () => [{input: '{"a":1}'}, null, {run_type: 'tool', name: 'calculator'}],
	'18 tool, text': () => [{input: W(), text: W()}, null, {run_type: 'tool', name: 'shell'}],
	'18 parser': () => [{input: W()}, null, {run_type: 'parser', name: 'StrOutputParser'}],
	'18 embedding': () => [{text: W(), input: W()}, null, {run_type: 'embedding', name: 'Embeddings'}],
	'18 tool with messages': () => { const t = T(); return [{messages: [user(t)]}, t.raw, {run_type: 'tool', name: 'handoff'}]; },
	'18 prompt': () => { const t = T(); return [{question: t}, t.raw, {run_type: 'prompt', name: 'ChatPromptTemplate'}]; },

	/* 19: no user at all */
	'19 system': () => [{messages: [system(W())]}, null],
	'19 others': () => [{messages: [{role: 'developer', content: W()}, assistant(W()), toolMessage(), {role: 'function', name: 'f', content: W()}]}, null],
	'19 other types': () => [{messages: [state('system', W()), state('ai', W()), state('tool', W())]}, null],
	'19 no messages': () => [{messages: []}, null],

	/* 20: lists in strings */
	'20 messages': () => { const t = T(); return [{messages: inString([system(W()), user(t)])}, anew(t)]; },
	'20 all escaped': () => { const t = T(); return [{messages: inString([user(t)], pick(['ascii', 'odd', 'all']))}, anew(t)]; },
	'20 object': () => { const t = T(); return [{messages: inString({messages: [user(t), assistant(W())]})}, anew(t)]; },
	'20 input': () => { const t = T(); return [{input: inString([['system', W()], ['user', t]]), question: W()}, anew(t)]; },
	'20 parts': () => { const a = T(), b = T(); return [{messages: inString([user([textPart(a), image(), textPart(b)])])}, anew(a, b)]; },
	'20 constructors': () => { const t = T(); return [{input: inString({messages: [[lcPython('HumanMessage', {content: t})]]})}, anew(t)]; },
	'20 contents': () => { const t = T(); return [{contents: inString([{parts: [{text: t}]}])}, anew(t)]; },
	'20 chat, functions first': () => { const t = T(); return [{chat: inString([{type: 'reasoning', summary: []}, {type: 'message', role: 'user', content: [{type: 'input_text', text: t}]}])}, anew(t)]; },
	'20 only system': () => [{messages: inString([system(W())]), question: W()}, null],
	'20 surrogate inside': () => [{messages: inString([user(new Text('a \\ud83d\\ude00 b \\ud800 c', null))])}, raw('a 😀 b \ufffd c')],
	'20 surrogate outside': () => [{messages: raw('"[{\\"role\\":\\"user\\",\\"content\\":\\"a \\ud83d\\ude00 b \\udc00 c\\"}]"')}, raw('a 😀 b \ufffd c')],
	'20 surrogate between': () => [{messages: raw('"[{\\"role\\":\\"user\\",\\"content\\":\\"a \\ud83d\\\\ude00 b\\"}]"')}, raw('a \ufffd\ufffd b')],
	'20 control characters': () => [{messages: raw('"[{\\"role\\":\\"user\\",\\"content\\":\\"\\\\u0000\\\\u001F\\\\/\\\\\\"\\\\\\\\\\\\n\\\\u007f\\"}]"')}, raw('\\u0000\\u001f/\\"\\\\\\n\u007f')],
	'20 not JSON': () => { const t = T(); return [{messages: '[object Object]', question: t}, t.raw]; },
	'20 raw newline inside': () => { const t = T(); return [{messages: raw('"[{\\"role\\":\\"user\\",\\"content\\":\\"a\\nb\\"}]"'), question: t}, t.raw]; },

	/* Keys: escapes in them are no other key, and the last of two counts. */
	'k escaped': () => { const t = T(); return [members([[raw('"\\u006dessages"'), [members([[raw('"r\\u006Fle"'), 'user'], [raw('"\\u0063ontent"'), t]])]]]), t.raw]; },
	'k escaped values': () => { const t = T(); return [{messages: [{role: raw('"\\u0075ser"'), content: t}, {type: raw('"\\u0061i"'), content: W()}]}, t.raw]; },
	'k nearly': () => { const t = T(); return [members([[raw('"\\u006dessages "'), [user(W())]], [raw('"\\\\u006dessages"'), [user(W())]], ['message', t], ['Messages', [user(W())]]]), t.raw]; },
	'k twice': () => { const t = T(); return [members([['messages', [user(W())]], ['messages', [user(t)]]]), t.raw]; },
	'k twice, one escaped': () => { const t = T(); return [members([['messages', [user(W())]], ['model', 'm'], [raw('"\\u006dessages"'), [user(t)]]]), t.raw]; },
	'k twice, last null': () => { const t = T(); return [members([['messages', [user(W())]], ['query', t], ['messages', null]]), t.raw]; },
	'k twice in message': () => { const t = T(); return [{messages: [members([['role', 'assistant'], ['content', W()], ['content', t], ['role', 'user']])]}, t.raw]; },
	'k inputs twice': () => { const t = T(); return [{messages: [user(t)]}, t.raw, {before: [['inputs', {messages: [user(W())]}]]}]; },

	/*
	 * Things beside the message that a reader may stumble over.  The deep ones
	 * stay below the 256 of jq 1.6, which counts an object twice.
	 */
	'x numbers': () => { const t = T(); return [{messages: [user(t)], seed: raw('12345678901234567890'), a: raw('1.0'), b: raw('1e400'), c: raw('-0'), d: raw('-0.0E-00'), e: raw('0.1000000000000000055511151231257827'), f: raw('9007199254740993')}, t.raw]; },
	'x long key': () => { const t = T(); return [members([['k'.repeat(3000) + '键'.repeat(300), 1], ['messages', [user(t)]]]), t.raw]; },
	'x deep': () => { const t = T(); return [{messages: [user(t)]}, t.raw, {after: [['deep', raw('['.repeat(155) + '{"d":'.repeat(45) + '0' + '}'.repeat(45) + ']'.repeat(155))]]}]; },
	'x deep inside inputs': () => { const t = T(); return [{tree: raw('{"messages":['.repeat(70) + '{"role":"user","content":"decoy"}' + ']}'.repeat(70)), question: t}, t.raw]; },
	'x decoys': () => { const t = T(); return [{config: {messages: [user(W())]}, question: t, inputs: W(), metadata: {input: W()}}, t.raw, {outputs: {messages: [state('human', W()), state('ai', W())], input: W()}}]; },
	'x failed': () => { const t = T(); return [{messages: [user(t)]}, t.raw, {status: 'error', outputs: null, error: 'ValueError(\'超时: "upstream" closed\')\n\nTraceback (most recent call last):\n\n  File "/srv/app/graph.py", line 88, in invoke\n    raise ValueError(msg)\n\nValueError: 超时: "upstream" closed\n'}]; },
	'x failed early': () => [null, null, {status: 'error', outputs: null, error: 'Error: connect ECONNREFUSED 127.0.0.1:9\n    at TCPConnectWrap.afterConnect [as oncomplete] (net.js:1159:16)'}],
	'x pending': () => { const t = T(); return [{messages: [user(t)]}, t.raw, {status: 'pending', end_time: null, outputs: null}]; },
	'x pending, nothing yet': () => [pick([null, {}]), null, {status: 'pending', end_time: null, outputs: null}],
};

/* ---- runs ---- */

const DAY = 86400000;
const PROJECT = '5e1f0c52-3a0b-4a52-9d7e-6f2c1b8a9d01';
const TENANT = '0b9c7a36-7d1e-4c36-8f52-2f1f6f7f5c02';
const ROUNDS = 2;		/* each template this often; those of the common shapes once more */

const pad = (n, w) => String(n).padStart(w, '0');

/* Microseconds since 1970 as the service writes them: naive UTC, a zero fraction left out. */
function timeText(us, zone) {
	const whole = new Date(Math.floor(us / 1e6) * 1000).toISOString().slice(0, 19);
	const fraction = us % 1e6;
	return whole + (fraction ? '.' + pad(fraction, 6) : '') + zone;
}

function dotted(us, id) {
	return timeText(us, '').slice(0, 19).replace(/[-:]/g, '') + pad(us % 1e6, 6) + 'Z' + id;
}

const NAMES = ['LangGraph', 'ChatOpenAI', 'RunnableSequence', 'AgentExecutor', '客服机器人', 'rag-chain', 'qa', 'agent'];

function runFields(r) {
	const start = timeText(r.us, r.zone);
	const tokens = 20 + below(5000);
	const replied = r.status !== 'pending';
	return {
		id: r.id,
		name: r.name,
		run_type: r.runType,
		start_time: start,
		end_time: replied ? timeText(r.us + 1000 + below(9e6), r.zone) : null,
		status: r.status,
		error: null,
		inputs: r.inputs,
		outputs: replied ? {output: W(), usage: {total_tokens: tokens}} : null,
		extra: {metadata: {thread_id: uuid(), ls_model_name: 'm-large', ls_run_depth: r.parent ? 1 : 0, user_id: raw('7' + pad(below(1e9), 18)), 'department': pick(['业务部', '研发部', 'sales', null])}, runtime: {sdk: 'langsmith-py', sdk_version: '0.4.1', platform: 'Linux-6.1', runtime: 'python'}},
		trace_id: r.parent ? r.parent.id : r.id,
		dotted_order: (r.parent ? dotted(r.parent.us, r.parent.id) + '.' : '') + dotted(r.us, r.id),
		parent_run_id: r.parent ? r.parent.id : null,
		session_id: PROJECT,
		app_path: chance(0.6) ? undefined : '/o/' + TENANT + '/projects/p/' + PROJECT + '/r/' + r.id + '?trace_id=' + (r.parent ? r.parent.id : r.id) + '&start_time=' + start,
		total_tokens: tokens,
		total_cost: pick([raw('0.001250'), '0.00125', null, raw('1.25e-3')]),
	};
}

/* What a query without select adds. */
function moreFields(r) {
	return {
		tags: pick([null, [], ['beta', '测试']]),
		parent_run_ids: r.parent ? [r.parent.id] : [],
		child_run_ids: null, direct_child_run_ids: null,
		events: [{name: 'start', time: timeText(r.us, '+00:00')}],
		serialized: null, manifest_id: null, manifest_s3_id: null,
		inputs_preview: 'decoy…', outputs_preview: null,
		inputs_s3_urls: null, outputs_s3_urls: null, s3_urls: null,
		prompt_tokens: 570, completion_tokens: 54,
		prompt_token_details: {cache_read: 0}, completion_token_details: null,
		prompt_cost: raw('0.00114'), completion_cost: raw('4.32e-4'),
		feedback_stats: null, reference_example_id: null, reference_dataset_id: null, in_dataset: false,
		price_model_id: null, first_token_time: null, share_token: null,
		trace_tier: 'shortlived', ttl_seconds: 1209600, trace_upgrade: false,
		trace_first_received_at: timeText(r.us + 1100000, ''),
		trace_min_start_time: null, trace_max_start_time: null, last_queued_at: null,
		thread_id: null, messages: null, execution_order: 1,
	};
}

/* The members in one of the orders seen: as given, inputs first, inputs last, sorted. */
function ordered(pairs) {
	const order = below(4);
	const isInputs = (p) => p[0] === 'inputs';
	if (order === 1)
		return pairs.filter(isInputs).concat(pairs.filter((p) => !isInputs(p)));
	if (order === 2)
		return pairs.filter((p) => !isInputs(p)).concat(pairs.filter(isInputs));
	if (order === 3)
		return pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
	return pairs;
}

/* One run: place says where it stands (us, zone, parent); made is a template's answer. */
function makeRun(place, made) {
	const set = made[2] || {};
	const r = Object.assign({
		id: uuid(),
		name: set.name || pick(NAMES),
		runType: set.run_type || place.runType || pick(['chain', 'chain', 'llm']),
		status: set.status || 'success',
		inputs: made[0],
	}, place.at);
	const fields = Object.assign(runFields(r), chance(0.08) ? moreFields(r) : {});
	for (const k of ['end_time', 'error', 'outputs', 'inputs_s3_urls'])
		if (set[k] !== undefined)
			fields[k] = set[k];
	let pairs = ordered(Object.keys(fields).filter((k) => fields[k] !== undefined).map((k) => [k, fields[k]]));
	pairs = (set.before || []).concat(pairs, set.after || []);

	let line = json(members(pairs));
	const fixed = made[1] instanceof Raw;
	let expected = fixed ? made[1].text : made[1];
	const style = random();
	if (style < 0.12) {			/* Python's json.dumps */
		line = spaced(asciiOnly(line), false);
		if (expected !== null && !fixed)
			expected = asciiOnly(expected);
	} else if (style < 0.16) {
		line = spaced(line, false);
	} else if (style < 0.19) {
		line = spaced(line, true);
	}
	return {
		id: r.id, us: r.us, zone: r.zone, startMs: r.us / 1000, root: !r.parent, line,
		expected: '{"run_id":"' + r.id + '","input":' + (expected === null ? 'null' : '"' + expected + '"') + '}',
	};
}

/* The steps of one trace; what a program made has no user message, the model's call has the root's. */
function makeChildren(root, runs) {
	const steps = [
		['llm', () => TEMPLATES[pick(['5 one batch', '1 turns', '13 wrapped', '12 one'])]()],
		['tool', () => TEMPLATES['18 tool']()],
		['retriever', () => TEMPLATES['18 retriever']()],
		['parser', () => TEMPLATES['18 parser']()],
		['llm', () => TEMPLATES['5 system, human, ai']()],
	];
	const us = root.us + 1000 + below(1000);
	steps.forEach((s, i) => {
		/* Parallel steps start at the same microsecond. */
		const at = {us: us + (i < 3 ? 0 : i * 700), zone: root.zone, parent: root};
		runs.push(makeRun({at, runType: s[0]}, s[1]()));
	});
}

const COMMON = /^(1|2|5|7|10) /;

function makeRuns(options) {
	const o = options || {};
	const endUs = Date.parse(o.end || '2026-11-20T12:00:00Z') * 1000;
	if (!(endUs > 0))
		throw new Error('--end: not a time: ' + o.end);

	random = makeRandom(20261120);	/* the same runs in every call */
	nextPlain = 0;
	nextLone = 0;
	const keys = [];
	for (let round = 0; round <= ROUNDS; round++)
		for (const key of Object.keys(TEMPLATES))
			if (round < ROUNDS || COMMON.test(key))
				keys.push(key);

	const runs = [];
	let us = 0;
	keys.forEach((key, i) => {
		const made = TEMPLATES[key]();
		/* Newest first over 13 days; a tie every 9 runs, a whole second every 7. */
		const age = Math.floor((i + 1) * 13 * DAY / (keys.length + 2)) * 1000;
		if (made[2] && made[2].status === 'pending')
			us = endUs - (i + 1) * 1e6 - below(1e6);	/* still running: young */
		else if (i % 9 !== 8)
			us = endUs - age - below(1e6);
		if (i % 7 === 3)
			us -= us % 1e6;
		const zone = i % 13 === 5 ? 'Z' : i % 13 === 9 ? '+00:00' : '';
		const place = {at: {us, zone, parent: null}};
		const root = makeRun(place, made);
		if (o.noLone && /surrogate/.test(key))
			return;
		runs.push(root);
		if (i % 30 === 11)
			makeChildren(root, runs);
	});
	if (o.big > 0)
		runs.push(makeRun({at: {us: endUs - 7200e6, zone: '', parent: null}}, [{messages: [system(W()), user(raw('"' + BIG + '"'))]}, BIG]));

	/* sort() is stable from Node 11 on: runs of one microsecond stay in this order. */
	return runs.sort((a, b) => b.us - a.us);
}

/*
 * Stands for the big message until the line is written, since a message may be
 * longer than the longest string of Node.
 */
const BIG = '@@BIG@@';
const FILL = 'The quick brown fox 敏捷的棕色狐狸 jumps over 跳过 the lazy dog 懒狗。';

function * bigMessage(bytes) {
	const block = Buffer.from(FILL.repeat(1000));
	let left = bytes;
	for (; left >= block.length; left -= block.length)
		yield block;
	/* Cut between characters and fill up, so that the size is met to the byte. */
	let end = left;
	while (end > 0 && (block[end] & 0xc0) === 0x80)
		end--;
	yield block.slice(0, end);
	yield Buffer.from('x'.repeat(left - end));
}

function * output(runs, what, big) {
	for (const run of runs) {
		const pieces = run[what].split(BIG);
		yield Buffer.from(pieces[0]);
		for (const piece of pieces.slice(1)) {
			yield * bigMessage(big);
			yield Buffer.from(piece);
		}
		yield Buffer.from('\n');
	}
}

function main(argv) {
	const o = {big: 5 * 1024 * 1024, what: 'line'};
	for (let i = 0; i < argv.length; i++) {
		if (argv[i] === '--expected')
			o.what = 'expected';
		else if (argv[i] === '--no-lone')
			o.noLone = true;
		else if (argv[i] === '--end' && i + 1 < argv.length)
			o.end = argv[++i];
		else if (argv[i] === '--big' && /^[0-9]+$/.test(argv[i + 1] || ''))
			o.big = Number(argv[++i]);
		else
			throw new Error('usage: node make-runs.js [--end T] [--big BYTES] [--no-lone] [--expected]');
	}
	const chunks = stream.Readable.from(output(makeRuns(o), o.what, o.big));
	process.stdout.on('error', (e) => process.exit(e.code === 'EPIPE' ? 0 : 3));
	chunks.pipe(process.stdout);
}

module.exports = {makeRuns};

if (require.main === module) {
	try {
		main(process.argv.slice(2));
	} catch (e) {
		process.stderr.write('make-runs: ' + e.message + '\n');
		process.exitCode = 2;
	}
}
