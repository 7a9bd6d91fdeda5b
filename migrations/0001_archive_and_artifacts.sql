CREATE TABLE `artifacts` (
	`scope` text NOT NULL,
	`name` text NOT NULL,
	`sha256` text NOT NULL,
	`content_type` text NOT NULL,
	`size_bytes` integer NOT NULL,
	`kind` text NOT NULL,
	`produced_by` text NOT NULL,
	`incident` text,
	`run` text,
	`at` integer NOT NULL,
	PRIMARY KEY(`scope`, `name`, `sha256`)
);
--> statement-breakpoint
CREATE INDEX `artifacts_run` ON `artifacts` (`run`);--> statement-breakpoint
CREATE INDEX `artifacts_at` ON `artifacts` (`at`);--> statement-breakpoint
CREATE INDEX `artifacts_sha256` ON `artifacts` (`sha256`);--> statement-breakpoint
CREATE TABLE `audit_segment_chains` (
	`chain` text NOT NULL,
	`segment` text NOT NULL,
	`first_seq` integer NOT NULL,
	`last_seq` integer NOT NULL,
	PRIMARY KEY(`chain`, `segment`)
);
--> statement-breakpoint
CREATE TABLE `audit_segments` (
	`key` text PRIMARY KEY NOT NULL,
	`month` text NOT NULL,
	`from_at` integer NOT NULL,
	`to_at` integer NOT NULL,
	`rows` integer NOT NULL,
	`size_bytes` integer NOT NULL,
	`sha256` text NOT NULL,
	`incidents` text NOT NULL,
	`actions` text NOT NULL,
	`actors` text NOT NULL,
	`archived_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `audit_segments_to` ON `audit_segments` (`to_at`);--> statement-breakpoint
CREATE TABLE `periodic_posts` (
	`id` text PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`told` integer NOT NULL
);
--> statement-breakpoint
ALTER TABLE `audit` ADD `agent` text;--> statement-breakpoint
ALTER TABLE `audit` ADD `tool_calls` integer;--> statement-breakpoint
ALTER TABLE `audit` ADD `reasoning` text;--> statement-breakpoint
CREATE INDEX `audit_actor` ON `audit` (`actor`,`at`);