/* sibling.c - see sibling.h. */
#include "sibling.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const places[] = { "", "/../libexec/refire" };
#define PLACES (sizeof(places) / sizeof(*places))

/* The directory this program runs from. */
static int own_dir(char *out, struct err *e)
{
	ssize_t n = readlink("/proc/self/exe", out, LIMIT_PATH - 1);
	char *slash;

	if (n < 0)
		return err_sys(e, "cannot read /proc/self/exe, so the other programs are not found");
	out[n] = '\0';
	slash = strrchr(out, '/');
	if (slash)
		*slash = '\0';
	return 0;
}

static int is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

int sibling_find(const char *name, char *out, struct err *e)
{
	char dir[LIMIT_PATH];

	if (own_dir(dir, e))
		return -1;
	for (size_t i = 0; i < PLACES; i++) {
		int n = snprintf(out, LIMIT_PATH, "%s%s/%s", dir, places[i], name);

		if (n > 0 && n < LIMIT_PATH && is_program(out))
			return 0;
	}
	return err_set(e, ERR_NOENT, "%s is neither in %s nor in %s/../libexec/refire", name, dir, dir);
}

static void each_in(const char *dir, void (*each)(const char *verb, void *arg), void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	if (!d)
		return;
	while ((entry = readdir(d))) {
		char path[LIMIT_PATH];
		int n = snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);

		if (strncmp(entry->d_name, "refire-", 7) == 0 && n < LIMIT_PATH && is_program(path))
			each(entry->d_name + 7, arg);
	}
	closedir(d);
}

void sibling_each(void (*each)(const char *verb, void *arg), void *arg)
{
	char dir[LIMIT_PATH], place[LIMIT_PATH + 32];

	if (own_dir(dir, NULL))
		return;
	for (size_t i = 0; i < PLACES; i++) {
		snprintf(place, sizeof(place), "%s%s", dir, places[i]);
		each_in(place, each, arg);
	}
}
