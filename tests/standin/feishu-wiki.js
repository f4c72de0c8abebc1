'use strict';
/* feishu-wiki.js - the wiki of the Feishu stand-in: which document a node of the address is. */
const {Fail} = require('./feishu-fields');

function createWiki(platform) {
	const {args, config} = platform;

	const nodes = new Map();	/* node token -> {obj_type, obj_token, title, denied} */

	function reset() {
		nodes.clear();
		nodes.set(args.wiki, {obj_type: 'bitable', obj_token: args.base, title: 'Test base'});
		nodes.set(args['sheet-wiki'], {obj_type: 'sheet', obj_token: args.sheet, title: 'Test spreadsheet'});
	}

	function shape(nodeToken, n) {
		return {
			space_id: '7000000000000000001', node_token: nodeToken, obj_token: n.obj_token, obj_type: n.obj_type, node_type: 'origin',
			parent_node_token: '', origin_node_token: nodeToken, origin_space_id: '7000000000000000001', title: n.title,
			has_child: false, obj_create_time: '1700000000', obj_edit_time: '1700000000', node_create_time: '1700000000',
			creator: 'ou_owner', owner: 'ou_owner', node_creator: 'ou_owner',
		};
	}

	function find(token, objType) {
		if (nodes.has(token))
			return token;
		for (const [nodeToken, n] of nodes) {
			if (n.obj_token === token && (objType === '*' || n.obj_type === objType))
				return nodeToken;
		}
		return null;
	}

	/* anyKind: the newer call takes a node's or a document's token without being told which. */
	function getNode(req, anyKind) {
		const token = req.query.get('token');
		if (!token)
			throw new Fail(131002, 'param err: token is required');
		const found = find(token, anyKind ? '*' : req.query.get('obj_type'));
		if (!found)
			throw new Fail(131005, 'not found: node not found');
		const {kind} = req.identity;
		if (nodes.get(found).denied || !(kind === 'user' ? config.user_collaborator : config.collaborator))
			throw new Fail(131006, 'permission denied: wiki space permission denied, ' + kind + ' needs read permission.');
		return {node: shape(found, nodes.get(found))};
	}

	function addNode(req) {
		const {token, obj_type, obj_token, title, denied} = req.json;
		nodes.set(token, {obj_type, obj_token, title: title || token, denied});
		return {status: 200, body: {nodes: nodes.size}};
	}

	reset();
	const scopes = ['wiki:node:read', 'wiki:wiki', 'wiki:wiki:readonly'];
	return {
		reset,
		control: {'POST /_test/nodes': addNode},
		routes: {
			'GET /open-apis/wiki/v2/spaces/get_node': platform.api('wiki.get_node', scopes, (req) => getNode(req, false)),
			'GET /open-apis/wiki/v2/spaces/node_by_token': platform.api('wiki.node_by_token', scopes, (req) => getNode(req, true)),
		},
	};
}

module.exports = {createWiki};
