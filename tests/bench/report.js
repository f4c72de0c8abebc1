// report.js BENCH.JSON WORK TITLE UNIT EXTRA - from what lib.sh measured (.rows and .rounds in WORK) print a table, and put the group into BENCH.JSON
// report.js --chart BENCH.JSON - the groups in GB/s as an SVG
//
// In BENCH.JSON: the machine, and a row for each command, its times in microseconds.  What was measured on another machine is dropped.
"use strict";
const fs = require("fs"), os = require("os"), { execSync } = require("child_process");

const spread = (v) => {
	const s = [...v].sort((a, b) => a - b), m = s.length >> 1;
	return { min: s[0], median: s.length % 2 ? s[m] : (s[m - 1] + s[m]) / 2, max: s[s.length - 1] };
};
const short = (n) => n >= 999.5 ? n.toFixed(0) : n >= 9.995 ? n.toPrecision(3) : n >= 0.01 ? n.toFixed(n < 0.1 ? 3 : 2) : n.toPrecision(2);

function report(file, work, group, unit, extra) {
	const machine = {
		cpu: os.cpus()[0]?.model.trim() || os.arch(), cores: os.cpus().length, memory_gb: Math.round(os.totalmem() / 2 ** 30),
		kernel: `${os.type()} ${os.release().replace(/-.*/, '')}`, compiler: execSync(`${process.env.CC || "cc"} --version 2>/dev/null || :`).toString().split("\n")[0],
	};
	const date = new Date().toISOString().slice(0, 10);
	const rounds = fs.readFileSync(`${work}/.rounds`, "utf8").trim().split("\n").map((l) => l.split(" ").map(Number));
	const rows = fs.readFileSync(`${work}/.rows`, "utf8").trimEnd().split("\n").map((l, i) => {
		const [name, kind, bytes, records, more] = l.split("\t"), mine = rounds.filter((r) => r[0] === i);
		return { group, name, kind, unit, date, bytes: +bytes, records: +records, rounds: mine.length, walls: mine.map((r) => r[1]),
			cpu_us: spread(mine.map((r) => r[2])).median, peak_kb: Math.max(...mine.map((r) => r[3])), ...(more && { [extra]: more }) };
	});
	const amount = (r) => unit === "GB/s" ? r.bytes : unit === "ms" ? 1 : r.records;
	const first = { walls: rows[0].walls, amount: amount(rows[0]) };
	for (const r of rows) {
		r.wall_us = spread(r.walls);
		r.ratio = spread(r.walls.map((t, k) => t / amount(r) / (first.walls[k] / first.amount)));
		r.rate = unit === "GB/s" ? r.bytes / r.wall_us.median / 1e3 : unit === "ms" ? r.wall_us.median / 1e3 : r.records / r.wall_us.median * 1e6;
		delete r.walls;
	}
	const cpu = { "GB/s": (r) => r.cpu_us / r.bytes * 1e3, ms: (r) => r.cpu_us / 1e3 }[unit] || ((r) => r.cpu_us / r.records);
	const each = { "GB/s": "s/GB", ms: "ms" }[unit] || "µs each";
	console.log(`\n| ${group} | ${unit} | time, in units of the first (min to max) | CPU, ${each} | peak memory, MB |${extra && ` ${extra} |`}`);
	console.log(`|---|---|---|---|---|${extra && "---|"}`);
	for (const r of rows)
		console.log(`| ${r.name} | ${short(r.rate)} | ${r === rows[0] ? 1 : `${short(r.ratio.median)} (${short(r.ratio.min)} to ${short(r.ratio.max)})`} | ` +
			`${short(cpu(r))} | ${(r.peak_kb / 1024).toFixed(1)} |${extra && ` ${r[extra] || ""} |`}`);

	let old = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file)) : { rows: [] };
	if (JSON.stringify(old.machine) !== JSON.stringify(machine)) old = { rows: [] };
	const at = old.rows.findIndex((r) => r.group === group), kept = old.rows.filter((r) => r.group !== group);
	kept.splice(at < 0 ? kept.length : at, 0, ...rows);
	fs.writeFileSync(file, `{"machine":${JSON.stringify(machine)},\n"rows":[\n${kept.map((r) => JSON.stringify(r)).join(",\n")}\n]}\n`);
}

// One bar for each command, on a log scale; a whisker from the slowest round to the fastest.
function chart(file) {
	const { machine, rows } = JSON.parse(fs.readFileSync(file)), shown = rows.filter((r) => r.unit === "GB/s");
	const rate = (r, us) => r.bytes / us / 1e3, decades = [0.001, 0.01, 0.1, 1, 10];
	const left = 320, wide = 490, x = (v) => (left + wide * Math.min(1, Math.max(0.002, Math.log10(v / 0.001) / 4.3))).toFixed(1);
	const text = (s) => s.replace(/`|\\(?=\|)/g, "").replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
	const body = [];
	let y = 66;
	for (const [i, r] of shown.entries()) {
		if (i === 0 || shown[i - 1].group !== r.group) {
			body.push(`<text class="group" x="16" y="${y + 26}">${text(r.group)}</text>`);
			y += 36;
		}
		const [v, least, most] = [r.wall_us.median, r.wall_us.max, r.wall_us.min].map((us) => rate(r, us));
		body.push(`<text class="name ${r.kind}" x="${left - 10}" y="${y + 12}">${text(r.name)}</text>` +
			`<rect class="${r.kind}" x="${left}" y="${y + 1}" width="${(x(v) - left).toFixed(1)}" height="14" rx="2"/>` +
			`<path class="whisker" d="M${x(least)} ${y + 8}H${x(most)}"/>` +
			`<text x="${+x(Math.max(v, most)) + 6}" y="${y + 12}">${short(v)}</text>`);
		y += 20;
	}
	const grid = decades.map((d) => `<path class="grid" d="M${x(d)} 62V${y + 8}"/><text class="axis" x="${x(d)}" y="${y + 24}">${d}</text>`);
	const foot = `${machine.cpu}, ${machine.cores} cores, ${machine.kernel}, ${shown[0]?.date || ""}; ` +
		`median of ${shown[0]?.rounds || 0} rounds, the line from the slowest to the fastest`;
	console.log(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 ${y + 76}" width="880" height="${y + 76}" role="img" aria-labelledby="t">
<title id="t">Throughput of llmutils and of other tools, in GB/s on a log scale</title>
<style>
svg { background: #fff; font: 12px system-ui, sans-serif }
text { fill: #1f2328 } .title { font-size: 17px; font-weight: 600 } .group { font-size: 14px; font-weight: 600 }
.name { text-anchor: end } .name.ours { font-weight: 600 } .axis { text-anchor: middle } .axis, .small { fill: #59636e } .small { font-size: 11px }
rect.ours { fill: #0969da } rect.peer { fill: #bf8700 } rect.limit { fill: #8c959f } .grid { stroke: #d1d9e0 } .whisker { stroke: #1f2328; opacity: .6 }
@media (prefers-color-scheme: dark) {
svg { background: #0d1117 } text { fill: #e6edf3 } .axis, .small { fill: #9198a1 }
rect.ours { fill: #4493f8 } rect.peer { fill: #bb8009 } rect.limit { fill: #6e7681 } .grid { stroke: #30363d } .whisker { stroke: #e6edf3 }
}
</style>
<text class="title" x="16" y="28">Input read per second, GB/s (log scale; longer is faster)</text>
<rect class="ours" x="16" y="42" width="12" height="12" rx="2"/><text x="34" y="52">llmutils</text>
<rect class="peer" x="106" y="42" width="12" height="12" rx="2"/><text x="124" y="52">other tools, same answer</text>
<rect class="limit" x="286" y="42" width="12" height="12" rx="2"/><text x="304" y="52">a limit: reads and does not look inside</text>
${grid.join("\n")}
${body.join("\n")}
<text class="small" x="16" y="${y + 48}">make bench (tests/bench/run.sh): generated data in the page cache, output to /dev/null; slow tools get less of it.</text>
<text class="small" x="16" y="${y + 64}">${text(foot)}.</text>
</svg>`);
}

if (process.argv[2] === "--chart") chart(process.argv[3]);
else report(...process.argv.slice(2));
