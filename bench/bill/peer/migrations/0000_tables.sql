-- Generated from ../schema.ts by drizzle-kit, with line breaks in long lines.

CREATE TABLE `accounts` (
	`id` integer PRIMARY KEY NOT NULL,
	`name` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `accounts_name_unique` ON `accounts` (`name`);--> statement-breakpoint
CREATE TABLE `conversations` (
	`id` text PRIMARY KEY NOT NULL,
	`account_id` integer NOT NULL,
	`contact_id` text,
	`group_id` text,
	`pinned_message_id` text,
	`is_pinned` integer DEFAULT false NOT NULL,
	`is_muted` integer DEFAULT false NOT NULL,
	`last_active_at` integer DEFAULT 0 NOT NULL,
	`last_opened_at` integer,
	`created_at` integer NOT NULL,
	`archived_at` integer,
	`is_unread` integer GENERATED ALWAYS AS (last_opened_at is null or last_active_at > last_opened_at) VIRTUAL,
	FOREIGN KEY (`account_id`) REFERENCES `accounts`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `conversations_by_account`
	ON `conversations` (`account_id`,`id`);--> statement-breakpoint
CREATE INDEX `conversations_by_activity`
	ON `conversations` (`account_id`,`last_active_at`,`id`);--> statement-breakpoint
CREATE INDEX `conversations_inbox`
	ON `conversations` (`account_id`,`last_active_at`,`id`)
	WHERE archived_at is null;--> statement-breakpoint
CREATE INDEX `conversations_unread`
	ON `conversations` (`account_id`,`last_active_at`,`id`)
	WHERE is_unread;--> statement-breakpoint
CREATE INDEX `conversations_archived`
	ON `conversations` (`account_id`,`id`)
	WHERE archived_at is not null;--> statement-breakpoint
CREATE INDEX `conversations_pinned`
	ON `conversations` (`account_id`,`id`)
	WHERE is_pinned;--> statement-breakpoint
CREATE INDEX `conversations_muted`
	ON `conversations` (`account_id`,`id`)
	WHERE is_muted;--> statement-breakpoint
CREATE INDEX `conversations_by_contact`
	ON `conversations` (`account_id`,`contact_id`,`id`)
	WHERE contact_id is not null;--> statement-breakpoint
CREATE INDEX `conversations_by_group`
	ON `conversations` (`account_id`,`group_id`,`id`)
	WHERE group_id is not null;--> statement-breakpoint
CREATE INDEX `conversations_by_group_activity`
	ON `conversations` (`account_id`,`group_id`,`last_active_at`,`id`)
	WHERE group_id is not null;--> statement-breakpoint
CREATE TABLE `events` (
	`id` integer PRIMARY KEY NOT NULL,
	`account_id` integer NOT NULL,
	`type` text NOT NULL,
	`conversation_id` text NOT NULL,
	`message_id` text,
	`request_id` text NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`account_id`) REFERENCES `accounts`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `events_by_account`
	ON `events` (`account_id`,`id`);--> statement-breakpoint
CREATE TABLE `messages` (
	`id` text PRIMARY KEY NOT NULL,
	`account_id` integer NOT NULL,
	`conversation_id` text NOT NULL,
	`contact_id` text,
	`message` text NOT NULL,
	`read_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer,
	FOREIGN KEY (`account_id`) REFERENCES `accounts`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`conversation_id`) REFERENCES `conversations`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `messages_by_account`
	ON `messages` (`account_id`,`id`);--> statement-breakpoint
CREATE INDEX `messages_by_conversation`
	ON `messages` (`conversation_id`,`account_id`,`id`);--> statement-breakpoint
CREATE TABLE `tokens` (
	`hash` text PRIMARY KEY NOT NULL,
	`account_id` integer NOT NULL,
	`scopes` integer NOT NULL,
	`expires_at` integer,
	`revoked_at` integer,
	FOREIGN KEY (`account_id`) REFERENCES `accounts`(`id`) ON UPDATE no action ON DELETE cascade
);
