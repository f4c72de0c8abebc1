#!/bin/sh
# TLS is always verified; LLMUTILS_CA_FILE names a private CA.
. "${0%/*}/lib.sh"

command -v openssl >/dev/null || skip_all 'openssl is not installed'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out ca.pem -days 1 \
	-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null || skip_all 'openssl makes no certificate'
standin langsmith
post /_test/runs '{"id":"11111111-1111-4111-8111-111111111111","name":"r","run_type":"chain","start_time":"2026-11-20T10:00:00","end_time":"2026-11-20T10:00:01","status":"success","inputs":{"input":"x"}}' >/dev/null
# In front of the stand-in, with that certificate.
node -e '
	const fs = require("fs"), https = require("https"), http = require("http"), to = new URL(process.argv[1]);
	https.createServer({key: fs.readFileSync("key.pem"), cert: fs.readFileSync("ca.pem")}, (q, a) =>
		q.pipe(http.request({host: to.hostname, port: to.port, method: q.method, path: q.url, headers: q.headers}, (r) => {
			a.writeHead(r.statusCode, r.headers); r.pipe(a);
		}))).listen(0, "127.0.0.1", function () { console.log("https://localhost:" + this.address().port); });' "$URL" >port &
tap_pids="$tap_pids $!"
within 5 test -s port
LANGSMITH_API_KEY=lsv2_pt_test LANGSMITH_PROJECT=my-app LANGSMITH_ENDPOINT=$(cat port)
export LANGSMITH_API_KEY LANGSMITH_PROJECT LANGSMITH_ENDPOINT
ok 'an unknown authority is refused: status 3' status 3 ls-fetch --since 2026-11-01 --max-retries 0
like 'and said' err '[Cc]ertificate|SSL'
ok 'with its certificate it is trusted' env LLMUTILS_CA_FILE=ca.pem ls-fetch --since 2026-11-01
is 'and the run comes' "$(LLMUTILS_CA_FILE=ca.pem ls-fetch --since 2026-11-01 | wc -l)" 1
done_testing
