-- The tables of operation logs in SQLite.  DEPARTMENT_logs: replace the name, or let sql-load --create make it.
-- Times are RFC 3339 in UTC as text, so that they sort and the date functions read them; a type's second word keeps text as it is.
CREATE TABLE IF NOT EXISTS "DEPARTMENT_logs" (
	"timestamp" TIMESTAMPTZ TEXT NOT NULL,
	domain_name TEXT NOT NULL,
	user_department TEXT NOT NULL,
	user_name TEXT NOT NULL,
	source_ip TEXT NOT NULL,
	session_id TEXT NOT NULL,
	action_type TEXT NOT NULL,
	action_details TEXT,
	model TEXT,
	botrun TEXT,
	user_agent TEXT,
	resource_id TEXT,
	developer TEXT NOT NULL,
	ch_characters BIGINT NOT NULL,
	en_characters BIGINT NOT NULL,
	total_characters BIGINT NOT NULL,
	input_tokens BIGINT,
	output_tokens BIGINT,
	total_tokens BIGINT,
	input_cost REAL,
	output_cost REAL,
	total_cost REAL,
	create_timestamp TIMESTAMPTZ TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX IF NOT EXISTS "DEPARTMENT_logs_timestamp" ON "DEPARTMENT_logs" ("timestamp");

CREATE TABLE IF NOT EXISTS daily_character_usage (
	"date" DATE TEXT NOT NULL,
	department TEXT NOT NULL,
	user_name TEXT NOT NULL,
	ch_characters BIGINT NOT NULL,
	en_characters BIGINT NOT NULL,
	PRIMARY KEY ("date", department, user_name)
);
