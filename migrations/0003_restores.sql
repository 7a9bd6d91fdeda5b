CREATE TABLE `restores` (
	`started_at` integer PRIMARY KEY NOT NULL,
	`filled_at` integer,
	`ended_at` integer
);
