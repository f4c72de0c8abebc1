'use strict';
/*
 * page.js - looks at the page of trace-serve with Chromium, as a user would.  Prints TAP.
 *
 *   node page.js TRACE-SERVE OPENAI-STANDIN SCREENSHOTS
 *
 * Every page is watched: an error of its scripts, a violation of its policy, or a request to anywhere else fails the test at hand.
 */
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const {spawn, spawnSync} = require('child_process');
const {chromium} = require('playwright-core');

const [SERVE, STANDIN, SHOTS] = process.argv.slice(2);
const LONG = Number(process.env.PAGE_WAIT || 60) * 1000;	/* on a loaded machine everything takes its time */

/* ---- the server ---- */

let serial = 0;
const children = [];
process.on('exit', () => children.forEach((c) => c.kill()));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
	process.on(signal, () => process.exit(1));

function serve(args = []) {
	const db = `page-${++serial}.db`, at = args.indexOf('--db');

	return new Promise((resolve, reject) => {
		const child = spawn(SERVE, ['--listen', '127.0.0.1:0'].concat(at < 0 ? ['--db', db] : [], args),
		    {stdio: ['ignore', 'ignore', 'pipe'], env: Object.assign({}, process.env, {OPENAI_BASE_URL: STANDIN + '/v1', OPENAI_API_KEY: 'sk-test'})});
		let said = '';
		children.push(child);
		child.stderr.on('data', (d) => {
			said += d;
			const m = /listening on (\S+)/.exec(said);
			if (m)
				resolve({child, url: m[1], stop: () => new Promise((r) => { child.once('exit', r); child.kill(); })});
		});
		child.once('exit', () => reject(new Error('trace-serve ended: ' + said)));
	});
}

async function api(server, method, where, body, headers) {
	const res = await fetch(server.url + where, {method, body: typeof body === 'string' || body === undefined ? body : JSON.stringify(body),
	    headers: Object.assign(body === undefined ? {} : {'Content-Type': 'application/json'}, headers)});
	const answer = await res.json();
	if (!res.ok)
		throw Object.assign(new Error(`${method} ${where}: ${res.status} ${answer.message}`), {status: res.status});
	return answer.data;
}

const post = (server, trace) => api(server, 'POST', '/api/trace', trace);

function trace(session, turn, text, more) {
	return Object.assign({session_id: session, turn_number: turn, status: 'success', metadata: {latency_ms: 100 * turn},
	    request: {model: 'gpt-4o', messages: [{role: 'system', content: 'Be brief.'}, {role: 'user', content: text}]},
	    response: {id: 'c', object: 'chat.completion', model: 'gpt-4o', choices: [{index: 0, finish_reason: 'stop',
		message: {role: 'assistant', content: `An answer to ${text}`}}], usage: {prompt_tokens: 10 * turn, completion_tokens: turn, total_tokens: 11 * turn}}}, more);
}

async function standin(method, where, body) {
	const res = await fetch(STANDIN + where, {method, body: body === undefined ? undefined : JSON.stringify(body)});
	return res.json();
}
const asked = async () => (await standin('GET', '/_test/requests')).filter((r) => r.path.endsWith('/chat/completions'));

/* ---- the browser ---- */

let browser, wrong = [];

async function open(server, options = {}) {
	const context = await browser.newContext(Object.assign({viewport: {width: 1400, height: 900}, locale: 'en-US'}, options.context));
	const page = await context.newPage();

	page.setDefaultTimeout(LONG);
	page.on('pageerror', (e) => wrong.push(`error: ${e.stack}`));
	page.on('dialog', (d) => { wrong.push(`dialog: ${d.message()}`); d.dismiss(); });
	page.on('console', (m) => {
		if (m.type() === 'error' && !options.noise?.test(m.text()))
			wrong.push(`console: ${m.text()}`);
	});
	page.on('request', (r) => { if (!r.url().startsWith(server.url + '/')) wrong.push(`request to ${r.url()}`); });
	await page.goto(server.url + '/' + (options.at || ''));
	page.shot = (name) => page.screenshot({path: path.join(SHOTS, `${name}.png`)});
	page.row = (text) => page.locator('#turns [role=option]', {hasText: text});
	page.preview = (re) => page.locator('#turns .preview', {hasText: re}).first();
	page.pick = async (session, text) => {
		await page.locator('#sessions [role=option]', {hasText: session}).first().click();
		await page.row(text).first().click();
		await page.locator('#record .recordhead').waitFor();
	};
	return page;
}

/* CSP forbids eval in the page, so conditions are asked for here. */
async function until(fn, what) {
	for (const end = Date.now() + LONG; Date.now() < end;) {
		const got = await fn();
		if (got)
			return got;
		await new Promise((r) => setTimeout(r, 30));
	}
	throw new Error(`never: ${what || fn}`);
}

const textOf = (page, selector) => page.locator(selector).first().innerText();
/* What is not laid out yet has no innerText. */
const contentOf = (page, selector) => page.locator(selector).first().evaluate((e) => e.textContent);
const inView = (page, text) => until(async () => (await page.locator('body').innerText()).includes(text), text);

/* ---- tests ---- */

const tests = [];
const test = (name, fn) => tests.push([name, fn]);
let shared;

test('a record arrives while one watches, within 2 s, and what one reads stays as it is', async () => {
	for (let n = 1; n <= 30; n++)
		await post(shared, trace('watch', n, `question ${n}`));
	const page = await open(shared);
	await page.pick('watch', 'question 3');
	await inView(page, 'An answer to question 3');
	await page.evaluate(() => { document.querySelector('#turns').scrollTop = 200; window.kept = document.querySelector('.message.user'); });
	const took = [];
	for (let n = 31; n <= 36; n++) {
		const from = Date.now();
		await post(shared, trace('watch', n, `question ${n}`));
		await until(async () => (await textOf(page, '#turnsfigures')).startsWith(`${n} records`));
		took.push(Date.now() - from);
	}
	assert.ok(Math.min(...took) < 2000, `took ${took} ms`);
	console.log(`# a record is seen after ${took.join(', ')} ms`);
	assert.strictEqual(await page.evaluate(() => document.querySelector('#turns').scrollTop), 200);
	assert.ok(await page.evaluate(() => window.kept.isConnected && document.querySelector('.message.user') === window.kept));
	assert.strictEqual(await textOf(page, '#newrows'), '6 new');
	await page.shot('watch');
	await page.click('#newrows');
	await page.row('question 36').waitFor();
	assert.ok(!await page.locator('#newrows').isVisible());
	/* at the end, one stays at the end */
	await post(shared, trace('watch', 37, 'question 37'));
	await page.row('question 37').waitFor();
	/* a session that was not there */
	await post(shared, trace('another', 1, 'elsewhere'));
	await page.locator('#sessions [role=option]', {hasText: 'another'}).waitFor();
	/* one that comes late stands where it belongs */
	await post(shared, trace('watch', 20, 'a late one'));
	await until(async () => (await textOf(page, '#turnsfigures')).startsWith('38 records'));
	await page.context().close();
});

test('a pending record becomes its success, where one reads it', async () => {
	await post(shared, trace('pend', 1, 'slow question', {status: 'pending', response: null}));
	const page = await open(shared);
	await page.pick('pend', 'slow question');
	assert.match(await textOf(page, '#record'), /pending/);
	await page.evaluate(() => { window.kept = document.querySelector('.message.user'); });
	await post(shared, trace('pend', 1, 'slow question'));
	await inView(page, 'An answer to slow question');
	assert.ok(await page.evaluate(() => window.kept.isConnected));
	assert.match(await textOf(page, '#record .figureline'), /success[\s\S]*10 → 1/);
	assert.strictEqual(await page.locator('#turns [role=option]').count(), 1);
	await page.context().close();
});

test('edit and replay: what is edited is sent, the rest byte for byte, and both stand side by side', async () => {
	const raw = '{"model":"gpt-4o","seed":12345678901234567,"temperature":1.0,"messages":[{"role":"user","content":"the old question\\nsecond line"}]}';
	await post(shared, `{"session_id":"edit","turn_number":1,"status":"success","request":${raw},"response":{"choices":[{"index":0,` +
	    '"message":{"role":"assistant","content":"You said: the old question\\nsecond line"},"finish_reason":"stop"}]}}');
	await standin('POST', '/_test/requests');
	const page = await open(shared);
	await page.pick('edit', 'the old question');
	await page.keyboard.press('e');
	await page.locator('.replay .send').click();	/* as it is */
	await page.locator('.replay .compare').waitFor();
	assert.match(await contentOf(page, '.replay .compare'), /No difference/);
	assert.strictEqual((await asked())[0].body, raw);
	await page.getByRole('tab', {name: 'Messages'}).click();
	await page.locator('.editmessage textarea').fill('the new question\nsecond line');
	await page.locator('.replay [data-param=max_tokens]').fill('50');
	await page.locator('.replay [data-param=max_tokens]').blur();
	await page.getByRole('tab', {name: 'Difference'}).click();
	assert.match(await contentOf(page, '.compare del'), /old/);
	assert.match(await contentOf(page, '.compare ins'), /new/);
	assert.strictEqual(await page.locator('.replay [data-param=temperature]').inputValue(), '1.0');
	await page.shot('edit');
	await page.keyboard.press('Control+Enter');
	await until(async () => await page.locator('.replay .result del').count() > 0);
	assert.strictEqual(await contentOf(page, '.result del'), 'old');
	assert.strictEqual(await contentOf(page, '.result ins'), 'new');
	await page.shot('replay');
	const sent = (await asked())[1].body;
	assert.match(sent, /"seed": 12345678901234567,/);
	assert.match(sent, /"temperature": 1\.0,/);
	assert.strictEqual(JSON.parse(sent).messages[0].content, 'the new question\nsecond line');
	assert.strictEqual(JSON.parse(sent).max_tokens, 50);
	await page.keyboard.press('Escape');
	await until(async () => await page.locator('#turns .badge.replayed').count() === 2);
	const rows = (await api(shared, 'GET', '/api/sessions/edit/records')).data;
	assert.deepStrictEqual(rows.map((r) => r.turn_number), [1, 1, 1]);
	assert.ok(rows.slice(1).every((r) => r.parent_id === rows[0].id));
	await page.row('the new question').click();
	await page.getByRole('button', {name: 'Compare with original'}).click();
	assert.strictEqual(await contentOf(page, '.compare del'), 'old');
	await page.keyboard.press('Escape');
	await page.context().close();
});

test('invalid JSON is not sent, and a refusal of the API is told', async () => {
	await post(shared, trace('refuse', 1, 'a question'));
	await standin('POST', '/_test/requests');
	const page = await open(shared, {noise: /status of (4|5)\d\d/});
	await page.pick('refuse', 'a question');
	await page.click('[data-act=replay]');
	await page.getByRole('tab', {name: 'JSON'}).click();
	const area = page.locator('.jsontext'), whole = await area.inputValue();
	await area.fill(whole.replace('{', '{,'));
	await page.locator('.replay .send').click();
	assert.match(await textOf(page, '.replay .fill .problem'), /Not valid JSON/);
	assert.strictEqual((await asked()).length, 0);
	await area.fill(whole.replace('"gpt-4o"', '"no-such-model"'));
	await page.locator('.replay .send').click();
	await inView(page, 'no-such-model');
	await until(async () => /does not exist|not exist|HTTP|40\d/.test(await textOf(page, '.replay')));
	await page.context().close();
});

test('a second turn is debugged as a chat, with all that was said, and taken up again later', async () => {
	await post(shared, trace('chat', 4, 'first question'));
	await standin('POST', '/_test/requests');
	const page = await open(shared);
	await page.pick('chat', 'first question');
	await page.keyboard.press('c');
	await page.locator('.compose').fill('second question');
	await page.keyboard.press('Control+Enter');
	await inView(page, 'You said: second question');
	await page.locator('.compose').fill('third <b>question</b>');
	await page.locator('.chat .send').click();
	await inView(page, 'You said: third <b>question</b>');
	await page.shot('chat');
	const said = (await asked()).map((r) => JSON.parse(r.body).messages.map((m) => `${m.role}: ${m.content}`));
	assert.deepStrictEqual(said[0], ['system: Be brief.', 'user: first question', 'assistant: An answer to first question', 'user: second question']);
	assert.deepStrictEqual(said[1], said[0].concat('assistant: You said: second question', 'user: third <b>question</b>'));
	const chats = (await api(shared, 'GET', '/api/replay-sessions')).data;
	assert.strictEqual(chats[0].original_session_id, 'chat');
	assert.strictEqual(chats[0].start_turn_number, 4);
	const turns = (await api(shared, 'GET', `/api/replay-sessions/${chats[0].id}/records`)).data;
	assert.deepStrictEqual(turns.map((r) => r.turn_number), [5, 6]);
	await page.keyboard.press('Escape');
	await page.locator('#chatbox summary').click();
	await page.locator('#chats [role=option]').first().click();
	await inView(page, 'You said: third');
	await page.locator('.compose').fill('fourth question');
	await page.keyboard.press('Control+Enter');
	await inView(page, 'You said: fourth question');
	assert.strictEqual(JSON.parse((await asked())[2].body).messages.length, 8);
	await page.context().close();
});

test('a failed turn of a chat is told and sent again; a tool call gets its result', async () => {
	await post(shared, trace('chat-2', 1, 'first question'));
	const page = await open(shared, {noise: /status of (4|5)\d\d/});
	await page.pick('chat-2', 'first question');
	await page.keyboard.press('c');
	await standin('POST', '/_test/faults', [{route: 'POST /v1/chat', act: 'status', status: 403, body: {error: {message: 'not today'}}}]);
	await page.locator('.compose').fill('second question');
	await page.keyboard.press('Control+Enter');
	await inView(page, 'not today');
	await standin('POST', '/_test/config', {answers: [{tool_calls: [{name: 'look', arguments: '{"a":1}'}]}]});
	await page.getByRole('button', {name: 'Send again'}).click();
	await inView(page, 'Tool call: look');
	assert.strictEqual(await page.locator('.chatrole').inputValue(), 'tool');
	await page.locator('.compose').fill('the result');
	await page.keyboard.press('Control+Enter');
	await inView(page, 'You said: the result');
	const last = JSON.parse((await asked()).at(-1).body).messages.at(-1);
	assert.strictEqual(last.role, 'tool');
	assert.ok(last.tool_call_id.length > 0);
	await page.context().close();
});

test('delete, with undo', async () => {
	for (let n = 1; n <= 3; n++)
		await post(shared, trace('trash', n, `thing ${n}`));
	const page = await open(shared);
	await page.pick('trash', 'thing 2');
	await page.keyboard.press('d');
	await page.locator('#turns .gone').waitFor();
	assert.match(await textOf(page, '.toast'), /Record deleted/);
	assert.match(await textOf(page, '#record h2'), /Turn 3/);
	await page.shot('delete');
	await page.getByRole('button', {name: 'Undo'}).click();
	await page.row('thing 2').waitFor();
	assert.strictEqual(await page.locator('.gone').count(), 0);
	await page.row('thing 2').click();
	await page.keyboard.press('Delete');
	await page.keyboard.press('u');
	await page.row('thing 2').waitFor();
	await new Promise((r) => setTimeout(r, 8000));	/* longer than what can be undone */
	assert.strictEqual((await api(shared, 'GET', '/api/sessions/trash/records')).total, 3);
	await page.row('thing 2').click();
	await page.keyboard.press('d');
	await until(async () => (await api(shared, 'GET', '/api/sessions/trash/records')).total === 2);
	await until(async () => await page.locator('#turns [role=option]').count() === 2);
	/* who leaves the page meant it */
	await page.row('thing 1').click();
	await page.keyboard.press('d');
	await page.goto('about:blank').catch(() => 0);
	await until(async () => (await api(shared, 'GET', '/api/sessions/trash/records')).total === 1);
	wrong = wrong.filter((w) => !w.includes('about:blank'));
	await page.context().close();
	/* a session */
	const again = await open(shared);
	const row = again.locator('#sessions [role=option]', {hasText: 'trash'});
	await row.hover();
	await row.locator('.cross').click();
	await until(async () => await api(shared, 'GET', '/api/sessions/trash').then(() => false, (e) => e.status === 404));
	await until(async () => await row.count() === 0);
	await again.context().close();
});

const EVIL = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script><iframe srcdoc="x"></iframe>javascript:alert(1)&lt;b&gt;';

test('a trace full of HTML and script stays text, wherever it is shown', async () => {
	await post(shared, {session_id: `evil ${EVIL}`, turn_number: 1, status: 'error', error_message: EVIL, metadata: {[EVIL]: EVIL},
	    request: {model: EVIL, messages: [{role: EVIL, content: EVIL, name: EVIL}, {role: 'user', content: [{type: EVIL, x: EVIL}, {type: 'text', text: EVIL},
		{type: 'image_url', image_url: {url: 'http://127.0.0.1:9/x.png'}}]}], [EVIL]: [EVIL]},
	    response: {choices: [{message: {role: 'assistant', content: EVIL, reasoning_content: EVIL, tool_calls: [{function: {name: EVIL, arguments: EVIL}}]}}]}});
	const page = await open(shared, {noise: /status of (4|5)\d\d/});
	await page.pick('evil', 'img');
	await inView(page, EVIL);
	for (const key of ['2', '3', '4', '1'])
		await page.keyboard.press(key);
	await page.shot('html');
	await page.keyboard.press('e');
	for (const tab of ['JSON', 'Difference', 'Messages'])
		await page.getByRole('tab', {name: tab, exact: true}).click();
	await page.locator('.replay .send').click();
	await until(async () => await page.locator('.replay .result, .replay .tabbody .problem').count() > 0);
	await page.keyboard.press('Escape');
	await page.keyboard.press('c');
	await page.locator('.chat').waitFor();
	assert.strictEqual(await page.evaluate(() => window.pwned), undefined);
	assert.strictEqual(await page.locator('img, iframe, body script').count(), 0);
	await page.context().close();
});

test('the page brings its policy: no inline script runs, no text becomes markup', async () => {
	const res = await fetch(shared.url + '/'), policy = res.headers.get('content-security-policy');
	assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
	assert.ok(!/unsafe|\*|http/.test(policy));
	const html = await res.text();
	assert.ok(!/ on\w+=| style=|<style|<script(?! type="module" src="app.js"><)/.test(html));
	const page = await open(shared, {noise: /./});
	const ran = await page.evaluate(() => {
		const s = document.createElement('script');
		try {
			s.textContent = 'window.inline = 1';
			document.body.append(s);
		} catch { /* trusted types */ }
		try {
			document.body.innerHTML += '<b id=made></b>';
		} catch { /* trusted types */ }
		return [window.inline, document.querySelector('#made')];
	});
	assert.deepStrictEqual(ran, [undefined, null]);
	const etag = res.headers.get('etag');
	assert.strictEqual((await fetch(shared.url + '/', {headers: {'If-None-Match': etag}})).status, 304);
	assert.strictEqual((await fetch(shared.url + '/app.js.map')).status, 404);
	await page.context().close();
});

test('the interface speaks Chinese where the browser does, and on demand', async () => {
	const page = await open(shared, {context: {locale: 'zh-CN'}});
	await page.pick('watch', 'question 3');
	for (const text of ['全部记录', '会话', '编辑重放', '多轮调试', '删除', '第 3 轮', '成功', '耗时', '对话', '请求', '响应', '元数据'])
		await inView(page, text);
	assert.strictEqual(await page.getAttribute('html', 'lang'), 'zh-CN');
	assert.match(await page.getAttribute('#search', 'placeholder'), /搜索/);
	await page.shot('chinese');
	const own = async () => (await page.locator('button:visible, h2:visible, option').allInnerTexts()).filter((s) => /[A-Za-z]{3}/.test(s) && s !== 'English' &&
	    !/question|watch|gpt|^(JSON|OpenAI|system|developer|user|assistant|tool)$/.test(s));	/* names of the API */
	assert.deepStrictEqual(await own(), []);
	await page.keyboard.press('e');
	await inView(page, '差异');
	assert.deepStrictEqual(await own(), []);
	await page.keyboard.press('Escape');
	await page.keyboard.press('c');
	await inView(page, '发送');
	assert.deepStrictEqual(await own(), []);
	await page.keyboard.press('Escape');
	await page.keyboard.press('?');
	await inView(page, '快捷键');
	await page.keyboard.press('Escape');
	await page.click('#language');
	await inView(page, 'Edit & replay');
	await page.reload();
	await inView(page, 'All traces');	/* it is remembered */
	await page.context().close();
});

test('search in texts, by status and model; what arrives meanwhile is searched, too', async () => {
	await post(shared, trace('search', 1, 'the needle in it'));
	await post(shared, trace('search', 2, 'nothing', {status: 'error', error_message: 'too bad'}));
	await post(shared, trace('search', 3, 'nothing', {request: {model: 'other-model', messages: [{role: 'user', content: '只有中文'}]}}));
	const page = await open(shared);
	await page.keyboard.press('/');
	await page.keyboard.type('NEEDLE in');
	await until(async () => (await textOf(page, '#turnsfigures')).startsWith('1 record'));
	await page.row('the needle').waitFor();
	await post(shared, trace('search', 4, 'another needle in it'));
	await post(shared, trace('search', 5, 'another pin'));
	await until(async () => (await textOf(page, '#turnsfigures')).startsWith('2 records'));
	await page.locator('#search').fill('只有');
	await until(async () => (await textOf(page, '#turnsfigures')).startsWith('1 record'));
	await page.locator('#search').fill('');
	await page.locator('#sessions [role=option]', {hasText: 'search'}).first().click();
	await page.locator('#status').selectOption('error');
	await until(async () => (await textOf(page, '#turnsfigures')).startsWith('1 record'));
	await page.locator('#status').selectOption('');
	await page.locator('#model').fill('other-model');
	await until(async () => (await textOf(page, '#turnsfigures')).startsWith('1 record'));
	await page.row('只有中文').waitFor();
	await page.locator('#search').fill('no such words at all');
	await inView(page, 'Nothing found.');
	await page.context().close();
});

test('figures of records and sessions, and the chart', async () => {
	for (let n = 1; n <= 4; n++)
		await post(shared, trace('sum', n, `q ${n}`, n === 4 ? {status: 'error', error_message: 'x', response: null} : {}));
	const page = await open(shared);
	await page.pick('sum', 'q 2');
	await until(async () => /^4 records · 1 failed · 60 → 6 Tokens · latency 250 ms/.test(await textOf(page, '#turnsfigures')));
	assert.match(await textOf(page, '.figureline'), /Model gpt-4o[\s\S]*Time 200 ms[\s\S]*Tokens 20 → 2/);
	assert.strictEqual(await page.locator('#chart .bar').count(), 4);
	assert.strictEqual(await page.locator('#chart .bar.error').count(), 1);
	assert.match(await page.locator('#chart .bar.chosen title').evaluate((e) => e.textContent), /Turn 2 · success · 200 ms · 22 Tokens/);
	await page.locator('#chart .bar').nth(2).click();
	await until(async () => /Turn 3/.test(await textOf(page, '#record h2')));
	await page.context().close();
});

test('JSON folds and opens, and is what came', async () => {
	await post(shared, '{"session_id":"json","status":"success","request":{"n":12345678901234567890,"f":1.0,"e":1e400,"k":1,"k":2,' +
	    `"deep":${'['.repeat(30)}"bottom"${']'.repeat(30)},"many":[${Array.from({length: 950}, (_, i) => i).join(',')}]},"response":"plain text"}`);
	const page = await open(shared);
	await page.locator('#sessions [role=option]', {hasText: 'json'}).first().click();
	await page.locator('#turns [role=option]').first().click();
	await page.keyboard.press('2');
	for (const text of ['12345678901234567890', '1.0', '1e400'])
		await inView(page, text);
	assert.strictEqual(await page.locator('.tree .key', {hasText: /^k$/}).count(), 2);
	assert.ok(!(await textOf(page, '.tree')).includes('bottom'));
	await page.getByRole('button', {name: 'Expand all'}).click();
	await inView(page, 'bottom');
	await page.shot('json');
	assert.ok(!(await textOf(page, '.tree')).includes('949'));
	for (let i = 0; i < 9; i++)
		await page.locator('.tree .more').first().click();
	assert.match(await textOf(page, '.tree'), /949/);
	await page.getByRole('button', {name: 'Fold all'}).click();
	assert.ok((await textOf(page, '.tree')).split('\n').length < 30);
	await page.context().close();
});

test('the keyboard is enough', async () => {
	const page = await open(shared), turn = (n) => until(async () => new RegExp(`Turn ${n}$`).test(await textOf(page, '#record h2').catch(() => '')));
	await page.locator('#sessions [role=option]').first().waitFor();
	await page.keyboard.press(']');
	await page.keyboard.press('[');
	assert.strictEqual(await page.getAttribute('#alltraces', 'aria-current'), 'true');
	await page.locator('#sessions [role=option]', {hasText: 'watch'}).last().click();
	await page.row('question 1').first().waitFor();
	await page.keyboard.press('j');
	await turn(1);
	await page.keyboard.press('j');
	await page.locator('#turns').focus();
	await page.keyboard.press('ArrowDown');
	await turn(3);
	await page.keyboard.press('k');
	await turn(2);
	await page.keyboard.press('G');
	await turn(37);
	await page.keyboard.press('g');
	await turn(1);
	for (const [key, tab] of [['2', 'Request'], ['3', 'Response'], ['4', 'Metadata'], ['1', 'Conversation']]) {
		await page.keyboard.press(key);
		assert.strictEqual(await textOf(page, '#record [role=tab][aria-selected=true]'), tab);
	}
	await page.keyboard.press('?');
	await page.locator('dialog.help').waitFor();
	await page.shot('keys');
	await page.keyboard.press('Escape');
	await page.keyboard.press('/');
	await page.keyboard.type('jjd');	/* is text there */
	assert.strictEqual(await page.inputValue('#search'), 'jjd');
	assert.strictEqual(await page.locator('.toast').count(), 0);
	await page.context().close();
});

test('light and dark, as the system or as chosen', async () => {
	const page = await open(shared, {context: {colorScheme: 'dark'}});
	const light = () => page.evaluate(() => Number(/\d+/.exec(getComputedStyle(document.body).backgroundColor)[0]) > 128);
	await page.pick('watch', 'question 3');
	assert.strictEqual(await light(), false);
	await page.shot('dark');
	await page.emulateMedia({colorScheme: 'light'});
	assert.strictEqual(await light(), true);
	await page.shot('light');
	await page.keyboard.press('t');
	await page.keyboard.press('t');
	assert.strictEqual(await light(), false);
	await page.reload();
	assert.strictEqual(await light(), false);
	await page.context().close();
});

test('on a narrow screen one pane at a time', async () => {
	const page = await open(shared, {context: {viewport: {width: 390, height: 800}, hasTouch: true}});
	const panes = async () => [await page.locator('#left').isVisible(), await page.locator('#middle').isVisible(), await page.locator('#right').isVisible()];
	await page.locator('#sessions [role=option]').first().waitFor();
	assert.deepStrictEqual(await panes(), [true, false, false]);
	await page.shot('narrow-1');
	await page.locator('#sessions [role=option]', {hasText: 'sum'}).first().click();
	assert.deepStrictEqual(await panes(), [false, true, false]);
	await page.row('q 2').click();
	await inView(page, 'An answer to q 2');
	assert.deepStrictEqual(await panes(), [false, false, true]);
	assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
	await page.shot('narrow-3');
	await page.click('[data-act=replay]');
	await page.shot('narrow-replay');
	assert.ok(await page.locator('.replay .send').evaluate((e) => e.getBoundingClientRect().right <= innerWidth));
	await page.locator('.replay .close').click();
	await page.locator('#right .back').click();
	await page.shot('narrow-2');
	await page.locator('#middle .back').click();
	assert.deepStrictEqual(await panes(), [true, false, false]);
	await page.context().close();
});

/* The longest time in which the page could not answer, and how many elements it has. */
async function busy(page, fn) {
	await page.evaluate(() => {
		let last = performance.now();
		window.worst = 0;
		window.beat = () => { const now = performance.now(); window.worst = Math.max(window.worst, now - last - 10); last = now; };
		window.beats = setInterval(window.beat, 10);
	});
	await fn();
	return page.evaluate(() => { clearInterval(window.beats); window.beat(); return Math.round(window.worst); });
}

test('a prompt of 5 MB does not freeze the page, is shown when asked for, and is replayed whole', async () => {
	const lines = Array.from({length: 50000}, (_, i) => `line ${i} ${'x'.repeat(90)}`).join('\n'), one = `start ${'y'.repeat(5e6)} end`;
	await post(shared, trace('big', 1, lines));
	await post(shared, trace('big', 2, one));
	await standin('POST', '/_test/requests');
	const page = await open(shared);
	for (const [name, text] of [['line 0', lines], ['start', one]]) {
		await page.locator('#sessions [role=option]', {hasText: 'big'}).first().click();
		const opened = await busy(page, async () => {
			await page.row(name).click();
			await inView(page, `An answer to ${name}`);
		});
		const all = await busy(page, async () => {
			await page.locator('.message.user .more').click();
			await until(() => page.evaluate((n) => document.querySelector('.message.user .text').textContent.length >= n, text.length - 60000));
			await page.evaluate(() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r))));
		});
		const tree = await busy(page, () => page.keyboard.press('2'));
		console.log(`# ${name}: not answering for at most ${opened} ms while opened, ${all} ms shown whole, ${tree} ms as JSON`);
		assert.ok(Math.max(opened, all, tree) < 5000);
		await page.keyboard.press('1');
	}
	const editor = await busy(page, async () => {
		await page.keyboard.press('e');
		await page.locator('.replay .editmessage').first().waitFor();
		await page.getByRole('tab', {name: 'JSON', exact: true}).click();
	});
	assert.ok(editor < 5000, `${editor} ms`);
	await page.shot('big');
	const area = page.locator('.jsontext');
	assert.ok((await area.inputValue()).length < 3000);
	await area.fill((await area.inputValue()).replace('Be brief.', 'Be long.'));
	await page.locator('.replay .send').click();
	await until(async () => await page.locator('.replay .result').count() > 0);
	const sent = JSON.parse((await asked()).at(-1).body).messages;
	assert.strictEqual(sent[0].content, 'Be long.');
	assert.strictEqual(sent[1].content, one);
	await page.context().close();
});

test('nor do thousands of messages, or answers that have nothing in common', async () => {
	const messages = Array.from({length: 3000}, (_, i) => ({role: i % 2 ? 'assistant' : 'user', content: `message ${i} ${'z'.repeat(1500)}`}));
	const answer = Array.from({length: 40000}, (_, i) => `row ${i} of the answer`).join('\n');
	await post(shared, trace('long', 1, 'x', {request: {model: 'gpt-4o', messages: messages.concat({role: 'user', content: 'the last one'})},
	    response: {choices: [{index: 0, message: {role: 'assistant', content: answer}, finish_reason: 'stop'}]}}));
	await standin('POST', '/_test/requests');
	await standin('POST', '/_test/config', {answers: [{content: answer.replace(/row/g, 'line of text')}]});
	const page = await open(shared);
	const opened = await busy(page, async () => {
		await page.pick('long', 'the last one');
		await inView(page, 'row 0 of the answer');
	});
	const earlier = await busy(page, () => page.getByRole('button', {name: /earlier/}).click());
	const edited = await busy(page, async () => {
		await page.keyboard.press('e');
		await page.locator('.editmessage').first().waitFor();
	});
	/* a folded text can be opened and edited */
	assert.ok(await page.locator('.editmessage').count() < 100);
	await page.getByRole('button', {name: 'Edit this text'}).last().click();
	const area = page.locator('.editmessage textarea').nth(-2);
	assert.strictEqual(await area.inputValue(), messages[2999].content);
	await area.fill('shorter');
	const compared = await busy(page, async () => {
		await page.locator('.replay .send').click();
		await until(async () => await page.locator('.replay .pair.changed').count() > 100);
	});
	assert.ok(await page.locator('.replay .pair').count() < 2000);
	const sent = JSON.parse((await asked()).at(-1).body).messages;
	assert.deepStrictEqual(sent.slice(0, 2999), messages.slice(0, 2999));
	assert.strictEqual(sent[2999].content, 'shorter');
	console.log(`# not answering for at most ${opened} ms when opened, ${earlier} ms for more, ${edited} ms in the editor, ${compared} ms when compared`);
	assert.ok(Math.max(opened, earlier, edited, compared) < 5000);
	await page.context().close();
});

const FILL = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.executescript("""
CREATE TABLE sessions(id varchar(255) PRIMARY KEY, name varchar(255) NOT NULL, created_at datetime);
CREATE TABLE records(id varchar(255) PRIMARY KEY, session_id varchar(255) NOT NULL, turn_number integer NOT NULL, request text NOT NULL,
 response text, status varchar(50) NOT NULL, error_msg text, metadata text, created_at datetime);
INSERT INTO sessions VALUES('many', 'many turns', '2025-08-29 16:36:53.45841+08:00');
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
INSERT INTO records SELECT 'id-' || i, 'many', i, '{"model":"m","messages":[{"role":"user","content":"question ' || i || '"}]}',
 '{"choices":[{"message":{"role":"assistant","content":"answer ' || i || '"}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}',
 'success', '', '', strftime('%Y-%m-%d %H:%M:%S', 1756456613 + i, 'unixepoch') || '.5+00:00' FROM n;
""")
db.commit()
`;

test('100,000 records in a session (of the original\'s database) do not freeze it', async (t) => {
	if (spawnSync('python3', ['-c', FILL, 'many.db']).status !== 0)
		return t.skip('there is no python3 with sqlite3');
	const server = await serve(['--db', 'many.db']), page = await open(server);
	const opened = await busy(page, async () => {
		await page.locator('#sessions [role=option]', {hasText: 'many'}).click();
		await page.preview(/^question 1$/).waitFor();
	});
	const end = await busy(page, async () => {
		await page.keyboard.press('G');
		await inView(page, 'answer 100000');
	});
	await page.shot('many');
	const rows = () => page.locator('#turns [role=option]').count();
	assert.ok(await rows() < 60);
	const wild = await busy(page, async () => {
		for (let i = 0; i <= 40; i++) {
			await page.evaluate((share) => { const b = document.querySelector('#turns'); b.scrollTop = share * b.scrollHeight; }, i * 37 % 41 / 41);
			await page.evaluate(() => new Promise((r) => requestAnimationFrame(r)));
		}
		await page.evaluate(() => { const b = document.querySelector('#turns'); b.scrollTop = b.scrollHeight / 2; });
		await page.preview(/^question 5000\d$/).waitFor();
	});
	assert.ok(await rows() < 60);
	console.log(`# not answering for at most ${opened} ms when opened, ${end} ms to the end, ${wild} ms while scrolled about`);
	assert.ok(Math.max(opened, end, wild) < 5000);
	/* a record arrives there, too, and many at once */
	await post(server, trace('many', 100001, 'question 100001'));
	await until(async () => (await textOf(page, '#turnsfigures')).startsWith('100,001 records'));
	await page.preview(/^question 5000\d$/).waitFor();
	const y = await page.evaluate(() => document.querySelector('#turns').scrollTop);
	for (let n = 100002; n <= 102000; n += 37)
		await Promise.all(Array.from({length: 37}, (_, i) => post(server, trace('many', n + i, `question ${n + i}`))));
	await until(async () => (await textOf(page, '#turnsfigures')).startsWith('102,'));
	await page.preview(/^question 5000\d$/).waitFor();
	assert.ok(Math.abs(await page.evaluate(() => document.querySelector('#turns').scrollTop) - y) < 60);
	await page.context().close();
	await server.stop();
});

test('with a token, which leaves the address and is not kept', async () => {
	fs.writeFileSync('token', 'a-token-of-some-length\n', {mode: 0o600});
	const server = await serve(['--token-file', 'token']);
	await api(server, 'POST', '/api/trace', trace('secret', 1, 'a secret'), {Authorization: 'Bearer a-token-of-some-length'});
	const page = await open(server, {at: '#token=a-token-of-some-length'});
	await page.locator('#sessions [role=option]', {hasText: 'secret'}).waitFor();
	assert.ok(!page.url().includes('token'));
	assert.ok(!(await page.evaluate(() => JSON.stringify(localStorage))).includes('a-token'));
	await page.reload();
	await page.locator('#sessions [role=option]', {hasText: 'secret'}).waitFor();
	await page.context().close();
	const stranger = await open(server, {noise: /401/});
	await stranger.locator('.tokeninput').waitFor();
	assert.strictEqual(await stranger.locator('#sessions [role=option]').count(), 0);
	await stranger.locator('.tokeninput').fill('a-token-of-some-length');
	await stranger.keyboard.press('Enter');
	await stranger.locator('#sessions [role=option]', {hasText: 'secret'}).waitFor();
	await stranger.context().close();
	await server.stop();
});

test('a server that went away is told, and watched again when it is back', async () => {
	const server = await serve(['--db', 'back.db']);
	await post(server, trace('back', 1, 'before'));
	const page = await open(server, {noise: /ERR_CONNECTION|Failed to load/});
	await page.pick('back', 'before');
	await server.stop();
	await page.locator('#lost').waitFor();
	const port = new URL(server.url).port, again = await serve(['--db', 'back.db', '--listen', `127.0.0.1:${port}`]);
	await post(again, trace('back', 2, 'after'));
	await page.row('after').waitFor();
	assert.ok(!await page.locator('#lost').isVisible());
	assert.match(await textOf(page, '#record'), /before/);
	await page.context().close();
	await again.stop();
});

test('an address names its record', async () => {
	const page = await open(shared);
	await page.pick('sum', 'q 3');
	await inView(page, 'An answer to q 3');
	const at = new URL(page.url()).hash;
	await page.context().close();
	const again = await open(shared, {at});
	await inView(again, 'An answer to q 3');
	assert.match(await textOf(again, '#turns [aria-selected=true]'), /q 3/);
	await again.context().close();
});

/* ---- run ---- */

async function run(name, fn, n) {
	let skipped = '';

	wrong = [];
	try {
		await fn({skip: (why) => { skipped = ` # skip ${why}`; }});
		assert.deepStrictEqual(wrong, []);
		console.log(`ok ${n} - ${name}${skipped}`);
		return true;
	} catch (e) {
		console.log(`not ok ${n} - ${name}`);
		console.log(String(e.stack).concat('\n', wrong.join('\n')).slice(0, 3000).replace(/^/gm, '# '));
		for (const context of browser.contexts()) {
			for (const page of context.pages())
				await page.screenshot({path: path.join(SHOTS, `failed-${n}.png`)}).catch(() => 0);
			await context.close();
		}
		return false;
	}
}

(async () => {
	const only = process.env.PAGE_ONLY ? tests.filter(([name]) => new RegExp(process.env.PAGE_ONLY).test(name)) : tests;
	let failed = 0;

	shared = await serve();
	browser = await chromium.launch({executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage']});
	for (const [i, [name, fn]] of only.entries())
		failed += await run(name, fn, i + 1) ? 0 : 1;
	await browser.close();
	await shared.stop();
	console.log(`1..${only.length}`);
	process.exit(failed > 0 ? 1 : 0);
})().catch((e) => {
	console.log(`Bail out! ${e.stack}`);
	process.exit(1);
});
