/*
 * settings.h - every key of refire.conf in one table: name, type, range,
 * default, help. The configuration, conf/refire.conf, refire.conf(5) and
 * `refire check` all go by it; a test compares them.
 *
 * A setting is stored into the struct of its section (struct config, struct
 * repository, struct pipeline in config.h) at .offset, by its .type.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "backoff.h"
#include "conf.h"
#include "err.h"
#include "mem.h"

enum setting_section { SECTION_REFIRE, SECTION_REPOSITORY, SECTION_PIPELINE, SECTION_COUNT };

enum setting_type {
	SETTING_STRING,		/* const char *; one of choices where there are any */
	SETTING_PATH,		/* const char *, absolute, or relative to its file */
	SETTING_BOOL,		/* bool: yes no true false on off */
	SETTING_INT,		/* int64_t within min..max */
	SETTING_TIME,		/* int64_t microseconds; 30s 5m 2h 1d 500ms; bare number: seconds */
	SETTING_TIMES,		/* struct backoff: times, comma-separated, each within min..max */
	SETTING_RATE,		/* int64_t microseconds from one to the next: 10/s 600/m 90/h */
	SETTING_CHOICE,		/* int: index into choices */
	SETTING_FLAGS,		/* unsigned: bit per choice, comma-separated */
	SETTING_LIST,		/* struct list, comma-separated; \, is a literal comma */
	SETTING_ADDRESSES,	/* struct address_list: addresses and networks */
	SETTING_GLOBS,		/* struct list, each checked by glob_check; the commas of
				   {a,b} and [a,b] do not separate */
};

struct list {
	const char **v;
	size_t n;
};

struct setting {
	const char *name;
	enum setting_section section;
	enum setting_type type;
	size_t offset;
	const char *def;		/* as it would be written; NULL: unset */
	int64_t min, max;		/* INT, TIME, TIMES: both included */
	const char *const *choices;	/* STRING, CHOICE, FLAGS: NULL-terminated */
	const char *help;		/* one sentence, for the manual and --help */
};

extern const struct setting settings[];		/* ends with name == NULL */

/* Put the defaults of a section into object. */
void settings_defaults(enum setting_section s, struct arena *a, void *object);
/* Parse item's value into object; marks nothing. Errors name file, line, the
   word, what was expected, and for an unknown key the nearest known one or the
   section it belongs to. */
int settings_apply(enum setting_section s, struct arena *a, const struct conf_item *item,
	void *object, struct err *e);
const struct setting *settings_find(enum setting_section s, const char *key);	/* or NULL */
const char *settings_section_name(enum setting_section s);
const char *settings_type_name(enum setting_type t);	/* "time", "list": for the manual */
/* Split at commas, trim, drop empty elements. */
struct list settings_list(struct arena *a, const char *value);
/* The same where an element is a pattern: commas inside of {} and [] stay, \x too. */
struct list settings_globs(struct arena *a, const char *value);

#endif
