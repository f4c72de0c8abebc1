-- The tables of operation logs in PostgreSQL.  DEPARTMENT_logs: replace the name, or let sql-load --create make it.
CREATE TABLE IF NOT EXISTS "DEPARTMENT_logs" (
	"timestamp" timestamptz NOT NULL,
	domain_name text NOT NULL,
	user_department text NOT NULL,
	user_name text NOT NULL,
	source_ip text NOT NULL,
	session_id text NOT NULL,
	action_type text NOT NULL,
	action_details text,
	model text,
	botrun text,
	user_agent text,
	resource_id text,
	developer text NOT NULL,
	ch_characters bigint NOT NULL,
	en_characters bigint NOT NULL,
	total_characters bigint NOT NULL,
	input_tokens bigint,
	output_tokens bigint,
	total_tokens bigint,
	input_cost double precision,
	output_cost double precision,
	total_cost double precision,
	create_timestamp timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS "DEPARTMENT_logs_timestamp" ON "DEPARTMENT_logs" ("timestamp");

CREATE TABLE IF NOT EXISTS daily_character_usage (
	"date" date NOT NULL,
	department text NOT NULL,
	user_name text NOT NULL,
	ch_characters bigint NOT NULL,
	en_characters bigint NOT NULL,
	PRIMARY KEY ("date", department, user_name)
);
