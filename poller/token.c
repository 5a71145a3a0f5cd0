/* token.c - read one token. */
#include "token.h"

#include <stdlib.h>
#include <string.h>

#include "fs.h"

int token_read(const char *path, char **out, struct err *e)
{
	size_t len;

	if (fs_check_private(path, true, e) || fs_read_path(path, LIMIT_SECRET, out, &len, NULL, e))
		return -1;
	while (len && strchr(" \t\r\n", (*out)[len - 1]))
		(*out)[--len] = 0;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)(*out)[i] < 0x20 || (*out)[i] == 0x7f)
			len = 0;
	if (len)
		return 0;
	free(*out);
	return err_set(e, ERR_CONFIG, "%s holds no token of one line", path);
}
