#!/bin/sh
# completions.sh OUTDIR - write the shell completions of all tools: OUTDIR/llmutils.bash and OUTDIR/_llmutils (zsh).
#
# They are made from each tool's --help, which is printed from its option table.  The tools are those of
# cmd/, built in $B (default: build).
set -eu

[ $# = 1 ] || {
	sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0" >&2
	exit 2
}
top=$(cd "$(dirname "$0")/.." && pwd)
bin=${B:-$top/build}
tools=$(cd "$top/cmd" && for f in *; do echo "${f%.c}"; done)
mkdir -p "$1"
table=$(mktemp)
trap 'rm -f "$table"' EXIT

# One line an option: TOOL, LETTER, NAME, ARG, CHOICES (a b c), HELP, with tabs between; an operand is a line with the name "".
for tool in $tools; do
	"$bin/$tool" --help | awk -v tool="$tool" '
		function put() {
			if (name != "")
				print tool "\t" letter "\t" name "\t" arg "\t" choices "\t" help
			name = ""
		}
		BEGIN { OFS = "\t" }
		NR == 1 && /FILE/ && /\[FILE/ { print tool "\t\t\tFILE\t\t" }
		/^  (-.,|   ) --[a-z]/ {
			put()
			letter = substr($0, 3, 1) == "-" ? substr($0, 4, 1) : ""
			rest = substr($0, 7)
			help = ""
			if (match(rest, /  +/)) {
				help = substr(rest, RSTART + RLENGTH)
				rest = substr(rest, 1, RSTART - 1)
			}
			arg = choices = ""
			name = rest
			if (match(rest, /[ =]/)) {
				name = substr(rest, 1, RSTART - 1)
				arg = substr(rest, RSTART + 1)
				if (substr(rest, RSTART, 1) == "=") {
					choices = arg
					gsub(/\|/, " ", choices)
				}
			}
			next
		}
		/^                    +[^ ]/ && name != "" && help == "" { sub(/^ +/, ""); help = $0; next }
		{ put() }
		END { put() }'
done >"$table"

for tool in $tools; do
	grep -q "^$tool	h	--help	" "$table" || {
		echo "completions.sh: $tool --help does not look as expected" >&2
		exit 1
	}
done

awk -F '\t' -v tools="$(echo "$tools" | tr '\n' ' ')" '
	$3 != "" { words[$1] = words[$1] " " $3 ($4 == "" ? "" : "=") ($2 == "" ? "" : " -" $2) }
	$3 != "" && $5 != "" { n++; when[n] = $1 " " $3 ($2 == "" ? "" : "|" $1 " -" $2); what[n] = "choices=\"" $5 "\"" }
	$3 != "" && $4 != "" && $5 == "" {
		n++
		when[n] = $1 " " $3 ($2 == "" ? "" : "|" $1 " -" $2)
		what[n] = $4 ~ /^(FILE|DIR)$/ ? ($4 == "DIR" ? "files=-d" : "files=-f") : "free=1"
	}
	$3 == "" { operand[$1] = 1 }
	function quoted(s) { gsub(/ /, "\\ ", s); return s }
	END {
		print "# bash completion for llmutils; made by scripts/completions.sh from the tools'"'"' --help"
		print "_llmutils()"
		print "{"
		print "\tlocal tool=${1##*/} cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words='"'"''"'"' choices='"'"''"'"' files='"'"''"'"' free='"'"''"'"'"
		print ""
		print "\t# --name=value comes as three words"
		print "\tif [[ $cur == = ]]; then"
		print "\t\tcur="
		print "\telif [[ $prev == = ]]; then"
		print "\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}"
		print "\tfi"
		print "\tcase \"$tool $prev\" in"
		for (i = 1; i <= n; i++)
			print "\t" quoted(when[i]) ") " what[i] " ;;"
		print "\tesac"
		print "\tcase $tool in"
		count = split(tools, t, " ")
		for (i = 1; i <= count; i++)
			print "\t" t[i] ") words=\"" substr(words[t[i]], 2) "\"" (operand[t[i]] ? "; [[ $cur == -* || -n $files ]] || files=-f" : "") " ;;"
		print "\tesac"
		print "\tif [[ -n $choices ]]; then"
		print "\t\tmapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$cur\")"
		print "\telif [[ -n $free ]]; then"
		print "\t\tCOMPREPLY=()"
		print "\telif [[ -n $files ]]; then"
		print "\t\tcompopt -o filenames 2>/dev/null"
		print "\t\tmapfile -t COMPREPLY < <(compgen $files -- \"$cur\")"
		print "\telse"
		print "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")"
		print "\t\t[[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null"
		print "\tfi"
		print "}"
		sub(/ $/, "", tools)
		print "complete -F _llmutils " tools
	}' "$table" >"$1/.bash.$$"

awk -F '\t' -v tools="$(echo "$tools" | tr '\n' ' ')" '
	function spec(s) {	# inside [..] or after : of an _arguments specification, in single quotes
		gsub(/\\/, "\\\\", s)
		gsub(/\[/, "\\[", s)
		gsub(/\]/, "\\]", s)
		gsub(/:/, "\\:", s)
		gsub(/\047/, "\047\\\047\047", s)
		return s
	}
	function value() {
		if ($4 == "")
			return ""
		if ($5 != "")
			return ":" $3 ":(" $5 ")"
		return ":" spec($4) ":" ($4 == "FILE" ? "_files" : $4 == "DIR" ? "_files -/" : " ")
	}
	$3 == "" { line = "\t\t\047*:file:_files\047" }
	$3 != "" {
		eq = $4 == "" ? "" : "="
		plus = $4 == "" ? "" : "+"
		names = $2 == "" ? "\047*" $3 eq : "\047*\047{-" $2 plus "," $3 eq "}\047"
		line = "\t\t" names "[" spec($6) "]" value() "\047"
	}
	{ lines[$1] = lines[$1] (lines[$1] == "" ? "" : " \\\n") line }
	END {
		sub(/ $/, "", tools)
		print "#compdef " tools
		print "# zsh completion for llmutils; made by scripts/completions.sh from the tools\047 --help"
		print ""
		print "case $service in"
		count = split(tools, t, " ")
		for (i = 1; i <= count; i++)
			print t[i] ")\n\t_arguments -s -S \\\n" lines[t[i]] "\n\t;;"
		print "esac"
	}' "$table" >"$1/.zsh.$$"

# In one step: another make may be reading them.
mv "$1/.bash.$$" "$1/llmutils.bash"
mv "$1/.zsh.$$" "$1/_llmutils"
