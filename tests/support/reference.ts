/** The conversation of the reference's examples. */
export const EXAMPLE = {
  id: "xgQQXg3hrtjh7AvZ",
  contact_id: "WAz8eIbvDR60rouK",
  group_id: null,
  pinned_message_id: null,
  is_pinned: false,
  is_muted: false,
  last_active_at: 705103200,
  last_opened_at: 705103200,
  created_at: 692233200,
  archived_at: null,
};
