// texts.js - the words of the page, in English and Chinese.

const texts = {
	all: ['All traces', '全部记录'],
	answer: ['Answer', '回答'],
	answers: ['Answers', '回答对比'],
	addMessage: ['Add message', '添加消息'],
	any: ['any status', '所有状态'],
	back: ['Back', '返回'],
	changedLines: ['{n} more changed lines', '还有 {n} 行不同'],
	chat: ['Continue as chat', '多轮调试'],
	chatEmpty: ['Write the next message of this conversation.', '输入这段对话的下一条消息。'],
	chatOf: ['Chat from turn {n}', '从第 {n} 轮开始的调试'],
	chats: ['Debug chats', '调试会话'],
	close: ['Close', '关闭'],
	compare: ['Compare with original', '与原记录对比'],
	compareTitle: ['Original and replay', '原记录与重放'],
	conversation: ['Conversation', '对话'],
	copied: ['Copied', '已复制'],
	copy: ['Copy', '复制'],
	delete: ['Delete', '删除'],
	deleted: ['Record deleted', '记录已删除'],
	deletedSession: ['Session deleted', '会话已删除'],
	deletedRow: ['Deleted', '已删除'],
	difference: ['Difference', '差异'],
	duration: ['Time', '耗时'],
	editWhole: ['Edit this text', '编辑此文本'],
	earlier: ['Show {n} earlier messages', '显示更早的 {n} 条消息'],
	edited: ['Edited', '修改后'],
	empty: ['Nothing here yet. Traces show up as they arrive.', '还没有记录，收到后会自动显示。'],
	error: ['error', '失败'],
	errors: ['{n} failed', '{n} 个失败'],
	equal: ['No difference', '没有不同'],
	equalLines: ['{n} equal lines', '{n} 行相同'],
	expand: ['Expand all', '全部展开'],
	firstByte: ['First byte', '首字节'],
	fold: ['Fold all', '全部折叠'],
	help: ['Keyboard', '快捷键'],
	input: ['Input', '输入'],
	json: ['JSON', 'JSON'],
	keyActions: ['edit and replay · chat · delete · undo', '编辑重放 · 多轮调试 · 删除 · 撤销'],
	keyClose: ['close, or leave the search', '关闭，或离开搜索'],
	keyMove: ['next, previous record', '下一条、上一条记录'],
	keyEnds: ['first, last record', '第一条、最后一条记录'],
	keySearch: ['search', '搜索'],
	keySend: ['send, in the editor and the chat', '发送（编辑器与调试中）'],
	keySession: ['previous, next session', '上一个、下一个会话'],
	keyTabs: ['conversation, request, response, metadata', '对话、请求、响应、元数据'],
	keyTheme: ['theme · language · this help', '主题 · 语言 · 本帮助'],
	lang: ['中文', 'English'],
	latency: ['latency', '耗时'],
	legend: ['▮ latency   ─ tokens', '▮ 耗时   ─ Token 数'],
	loadFailed: ['Could not load: {m}', '加载失败：{m}'],
	lost: ['The server does not answer; trying again', '服务器没有响应，正在重试'],
	messages: ['Messages', '消息'],
	metadata: ['Metadata', '元数据'],
	model: ['Model', '模型'],
	moreRows: ['Show more', '显示更多'],
	new: ['{n} new', '{n} 条新记录'],
	noRecord: ['Choose a record to read it.', '选择一条记录查看。'],
	noRequest: ['No request', '没有请求'],
	noResponse: ['No response', '没有响应'],
	noMetadata: ['No metadata', '没有元数据'],
	none: ['Nothing found.', '没有找到。'],
	noProviders: ['No API is set up for replays: start trace-serve with OPENAI_API_KEY or --providers.',
		'没有可用于重放的接口：请用 OPENAI_API_KEY 或 --providers 启动 trace-serve。'],
	notJson: ['Not valid JSON: {m}', 'JSON 无效：{m}'],
	notText: ['content is not plain text: edit it as JSON', '内容不是纯文本，请在 JSON 中编辑'],
	original: ['Original', '原始'],
	outcome: ['Result', '结果'],
	partial: ['The search was cut short: there may be more.', '搜索提前结束，可能还有更多。'],
	pending: ['pending', '进行中'],
	provider: ['Provider', '服务商'],
	reasoning: ['Reasoning', '思考'],
	records: ['{n} records', '{n} 条记录'],
	record: ['1 record', '1 条记录'],
	searching: ['Looking…', '正在查找…'],
	recordsTitle: ['Records', '记录'],
	remove: ['Remove', '移除'],
	replay: ['Edit & replay', '编辑重放'],
	replayOf: ['replay', '重放'],
	replayed: ['Replay', '重放'],
	request: ['Request', '请求'],
	requestDiff: ['Requests', '请求对比'],
	response: ['Response', '响应'],
	retry: ['Send again', '重新发送'],
	role: ['Role', '角色'],
	search: ['Search in requests and responses', '搜索请求与响应'],
	send: ['Send', '发送'],
	sending: ['Waiting for the answer…', '等待回答…'],
	sessions: ['Sessions', '会话'],
	showAll: ['Show all', '显示全部'],
	showLess: ['Show less', '收起'],
	size: ['Size', '大小'],
	status: ['Status', '状态'],
	stop: ['Stop', '停止'],
	success: ['success', '成功'],
	text: ['Text', '文本'],
	theme: ['Theme', '主题'],
	themeAuto: ['Theme: as the system', '主题：跟随系统'],
	themeDark: ['Theme: dark', '主题：深色'],
	themeLight: ['Theme: light', '主题：浅色'],
	token: ['Access token', '访问令牌'],
	tokenAsk: ['This server asks for a token.', '此服务器需要令牌。'],
	tokens: ['Tokens', 'Token 数'],
	toolCall: ['Tool call', '工具调用'],
	turn: ['Turn {n}', '第 {n} 轮'],
	lastTurns: ['of the last {n}', '最近 {n} 条'],
	median: ['median', '中位数'],
	undo: ['Undo', '撤销'],
	untitled: ['(empty)', '（空）'],
	putBack: ['Long texts are folded as ⟦…⟧; they are sent whole.', '长文本以 ⟦…⟧ 折叠显示，发送时保持完整。'],
};

const LANGUAGES = ['en', 'zh-CN'];
let language = 0;

export function setLanguage(name) {
	language = String(name).toLowerCase().startsWith('zh') ? 1 : 0;
	document.documentElement.lang = LANGUAGES[language];
	for (const e of document.querySelectorAll('[data-t]'))
		e.textContent = t(e.dataset.t);
	for (const [attribute, key] of [['placeholder', 'tPlaceholder'], ['title', 'tTitle'], ['aria-label', 'tLabel']])
		for (const e of document.querySelectorAll(`[data-${key.replace(/[A-Z]/, (c) => '-' + c.toLowerCase())}]`))
			e.setAttribute(attribute, t(e.dataset[key]));
}

export const getLanguage = () => LANGUAGES[language];
export const otherLanguage = () => LANGUAGES[1 - language];

// The text of a key, its {names} replaced.
export function t(key, values) {
	const found = texts[key];

	return found === undefined ? key : found[language].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
