/*
 * curlset.h - SET(easy, option, value): an option of libcurl, or the calling function
 * returns libcurl's code. For the files that know libcurl.
 */
#ifndef CURLSET_H
#define CURLSET_H

#define SET(easy, option, value) \
	do { \
		CURLcode set_ = curl_easy_setopt(easy, option, value); \
		if (set_ != CURLE_OK) \
			return set_; \
	} while (0)

#endif
