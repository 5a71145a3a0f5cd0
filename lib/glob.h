// glob.h - CodePipeline's trigger patterns: Java NIO globs over paths.
//
//	*	any characters but '/'		a* matches ab, not a/b
//	**	any characters, '/' included	src/** matches all below src/
//	?	one character but '/'
//	[a-c] [!a]	one of, none of a set; * ? \ are literal inside; never '/'
//	{a,b}	either; not nestable
//	\x	the character x itself
//
// One "character" is one UTF-8 sequence, or one byte where the text is not
// UTF-8. As in Java, src/** does not match src itself, and **/x needs a '/'.
// Source: CodePipeline User Guide, "Working with glob patterns in syntax";
// java.nio.file.FileSystem#getPathMatcher.
#ifndef GLOB_H
#define GLOB_H

#include <stdbool.h>

#include "err.h"

// -1 with a sentence that names the pattern and the column when it is not well
// formed: empty, longer than LIMIT_PATTERN, an open [ or {, nested {, a final \.
int glob_check(const char *pattern, struct err *e);
// pattern has passed glob_check. Time is bounded by O(pattern * text) steps.
bool glob_match(const char *pattern, const char *text);

#endif
