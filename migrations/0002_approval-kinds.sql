CREATE TABLE `__new_approvals` (
	`id` text PRIMARY KEY NOT NULL,
	`seq` integer NOT NULL,
	`incident` text NOT NULL,
	`attempt` integer NOT NULL,
	`kind` text DEFAULT 'pull_request' NOT NULL,
	`title` text,
	`digest` text,
	`commit_sha` text,
	`pull_request` integer,
	`url` text,
	`state` text NOT NULL,
	`decided_by` text,
	`via` text,
	`asked_at` integer NOT NULL,
	`decided_at` integer
);
--> statement-breakpoint
INSERT INTO `__new_approvals`("id", "seq", "incident", "attempt", "commit_sha", "pull_request", "url", "state", "decided_by", "via", "asked_at", "decided_at") SELECT "id", "seq", "incident", "attempt", "commit_sha", "pull_request", "url", "state", "decided_by", "via", "asked_at", "decided_at" FROM `approvals`;--> statement-breakpoint
DROP TABLE `approvals`;--> statement-breakpoint
ALTER TABLE `__new_approvals` RENAME TO `approvals`;--> statement-breakpoint
CREATE INDEX `approvals_state` ON `approvals` (`state`,`asked_at`);