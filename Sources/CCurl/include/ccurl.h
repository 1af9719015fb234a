#pragma once
// libcurl, opened when it is first needed: who never asks a registry does not pay for its libraries.
// curl_easy_setopt and curl_easy_getinfo are variadic, which Swift cannot call: one function a type here.

#include <curl/curl.h>
#include <stddef.h>

/// Opens libcurl and readies it, once a process. Any thread. Returns NULL, or a lasting text that says why not.
/// Every other function needs a success of this one before.
const char *ccurl_load(void);

/// The version that was opened, as in "7.88.1". Lasts.
const char *ccurl_version(void);

CURL *ccurl_make(void);
void ccurl_free(CURL *handle);
/// Forgets all options; keeps connections, the DNS cache and TLS sessions.
void ccurl_reset(CURL *handle);
CURLcode ccurl_perform(CURL *handle);
/// A lasting text.
const char *ccurl_error_text(CURLcode code);

CURLcode ccurl_set_long(CURL *handle, CURLoption option, long value);
CURLcode ccurl_set_offset(CURL *handle, CURLoption option, curl_off_t value);
/// libcurl copies the text.
CURLcode ccurl_set_text(CURL *handle, CURLoption option, const char *value);
/// The memory must outlive the transfer.
CURLcode ccurl_set_pointer(CURL *handle, CURLoption option, void *value);
CURLcode ccurl_set_headers(CURL *handle, struct curl_slist *headers);

/// Given bytes of a head line or a body. Returns `count`, or anything else to end the transfer.
typedef size_t (*ccurl_bytes)(char *bytes, size_t size, size_t count, void *context);
/// Asked at least once a second. Returns 0, or anything else to end the transfer.
typedef int (*ccurl_progress)(void *context, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
CURLcode ccurl_set_callbacks(
    CURL *handle, ccurl_bytes head, ccurl_bytes body, ccurl_progress progress, void *context);

struct curl_slist *ccurl_append(struct curl_slist *list, const char *text);
void ccurl_free_list(struct curl_slist *list);

CURLU *ccurl_make_url(void);
void ccurl_free_url(CURLU *url);
CURLUcode ccurl_url_set(CURLU *url, CURLUPart part, const char *text, unsigned flags);
/// The text is to be given to ccurl_free_text.
CURLUcode ccurl_url_get(CURLU *url, CURLUPart part, char **text, unsigned flags);
void ccurl_free_text(char *text);

/// Seconds since 1970 of a date of HTTP, or -1.
time_t ccurl_date(const char *text);
