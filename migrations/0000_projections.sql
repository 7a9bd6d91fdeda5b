CREATE TABLE `approvals` (
	`id` text PRIMARY KEY NOT NULL,
	`seq` integer NOT NULL,
	`incident` text NOT NULL,
	`attempt` integer NOT NULL,
	`commit_sha` text NOT NULL,
	`pull_request` integer NOT NULL,
	`url` text NOT NULL,
	`state` text NOT NULL,
	`decided_by` text,
	`via` text,
	`asked_at` integer NOT NULL,
	`decided_at` integer
);
--> statement-breakpoint
CREATE INDEX `approvals_state` ON `approvals` (`state`,`asked_at`);--> statement-breakpoint
CREATE TABLE `audit` (
	`chain` text NOT NULL,
	`seq` integer NOT NULL,
	`prev` text NOT NULL,
	`hash` text NOT NULL,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`action` text NOT NULL,
	`incident` text,
	`run` text,
	`model` text,
	`cost_micro_usd` integer,
	`subjects` text DEFAULT '[]' NOT NULL,
	`data` text NOT NULL,
	PRIMARY KEY(`chain`, `seq`)
);
--> statement-breakpoint
CREATE INDEX `audit_at` ON `audit` (`at`);--> statement-breakpoint
CREATE INDEX `audit_incident` ON `audit` (`incident`,`at`);--> statement-breakpoint
CREATE INDEX `audit_action` ON `audit` (`action`,`at`);--> statement-breakpoint
CREATE TABLE `audit_roots` (
	`day` text PRIMARY KEY NOT NULL,
	`root` text NOT NULL,
	`chains` integer NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `costs` (
	`request_id` text PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`run` text NOT NULL,
	`agent_group` text NOT NULL,
	`thread` text,
	`incident` text,
	`schedule` text,
	`skill` text,
	`model` text NOT NULL,
	`input_tokens` integer NOT NULL,
	`output_tokens` integer NOT NULL,
	`cache_read_tokens` integer NOT NULL,
	`cache_write_5m_tokens` integer NOT NULL,
	`cache_write_1h_tokens` integer NOT NULL,
	`micro_usd` integer NOT NULL,
	`price_version` text NOT NULL,
	`price_known` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `costs_at` ON `costs` (`at`);--> statement-breakpoint
CREATE INDEX `costs_run` ON `costs` (`run`);--> statement-breakpoint
CREATE INDEX `costs_incident` ON `costs` (`incident`);--> statement-breakpoint
CREATE TABLE `dead_letters` (
	`id` text PRIMARY KEY NOT NULL,
	`seq` integer NOT NULL,
	`object_type` text NOT NULL,
	`object` text NOT NULL,
	`key` text NOT NULL,
	`kind` text NOT NULL,
	`incident` text,
	`state` text NOT NULL,
	`tries` integer NOT NULL,
	`error` text NOT NULL,
	`body` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `dead_letters_at` ON `dead_letters` (`at`);--> statement-breakpoint
CREATE TABLE `deliveries` (
	`id` text PRIMARY KEY NOT NULL,
	`seq` integer NOT NULL,
	`source` text NOT NULL,
	`delivery` text NOT NULL,
	`type` text NOT NULL,
	`status` text NOT NULL,
	`received_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`target` text,
	`tries` integer NOT NULL,
	`reason` text
);
--> statement-breakpoint
CREATE INDEX `deliveries_received` ON `deliveries` (`received_at`);--> statement-breakpoint
CREATE TABLE `incidents` (
	`id` text PRIMARY KEY NOT NULL,
	`seq` integer NOT NULL,
	`key` text NOT NULL,
	`loop` text NOT NULL,
	`episode` integer NOT NULL,
	`status` text NOT NULL,
	`title` text NOT NULL,
	`opened_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `incidents_status` ON `incidents` (`status`,`updated_at`);--> statement-breakpoint
CREATE INDEX `incidents_key` ON `incidents` (`key`);--> statement-breakpoint
CREATE TABLE `runs` (
	`id` text PRIMARY KEY NOT NULL,
	`seq` integer NOT NULL,
	`agent_group` text NOT NULL,
	`kind` text NOT NULL,
	`purpose` text NOT NULL,
	`incident` text NOT NULL,
	`episode` integer NOT NULL,
	`model` text NOT NULL,
	`status` text NOT NULL,
	`fence` integer NOT NULL,
	`runner` text,
	`image` text,
	`image_digest` text,
	`requested_at` integer NOT NULL,
	`started_at` integer,
	`ended_at` integer,
	`end_reason` text,
	`turns` integer,
	`tool_calls` integer NOT NULL,
	`cost_micro_usd` integer NOT NULL,
	`transcript` text
);
--> statement-breakpoint
CREATE INDEX `runs_requested` ON `runs` (`requested_at`);--> statement-breakpoint
CREATE INDEX `runs_incident` ON `runs` (`incident`);--> statement-breakpoint
CREATE INDEX `runs_status` ON `runs` (`status`);--> statement-breakpoint
CREATE TABLE `subjects` (
	`id` text PRIMARY KEY NOT NULL,
	`object_type` text NOT NULL,
	`object` text NOT NULL,
	`at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `timers` (
	`object_type` text NOT NULL,
	`object` text NOT NULL,
	`name` text NOT NULL,
	`seq` integer NOT NULL,
	`due_at` integer,
	PRIMARY KEY(`object_type`, `object`, `name`)
);
--> statement-breakpoint
CREATE INDEX `timers_due` ON `timers` (`due_at`);