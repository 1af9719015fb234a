#include "ccurl.h"

#include <open_library.h>
#include <pthread.h>
#include <string.h>

static struct {
    CURLcode (*global_init)(long);
    curl_version_info_data *(*version_info)(CURLversion);
    CURL *(*easy_init)(void);
    void (*easy_cleanup)(CURL *);
    void (*easy_reset)(CURL *);
    CURLcode (*easy_perform)(CURL *);
    const char *(*easy_strerror)(CURLcode);
    CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
    struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
    void (*slist_free_all)(struct curl_slist *);
    CURLU *(*url)(void);
    void (*url_cleanup)(CURLU *);
    CURLUcode (*url_set)(CURLU *, CURLUPart, const char *, unsigned);
    CURLUcode (*url_get)(const CURLU *, CURLUPart, char **, unsigned);
    void (*free)(void *);
    time_t (*getdate)(const char *, const time_t *);
} api;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static els_library library = {"libcurl.so.4", .package = "libcurl4", .oldest_version = "7.85"};

static void load(void) {
    static const els_function functions[] = {
        {"curl_global_init", &api.global_init},   {"curl_version_info", &api.version_info},
        {"curl_easy_init", &api.easy_init},       {"curl_easy_cleanup", &api.easy_cleanup},
        {"curl_easy_reset", &api.easy_reset},     {"curl_easy_perform", &api.easy_perform},
        {"curl_easy_strerror", &api.easy_strerror}, {"curl_easy_setopt", &api.easy_setopt},
        {"curl_slist_append", &api.slist_append}, {"curl_slist_free_all", &api.slist_free_all},
        {"curl_url", &api.url},                   {"curl_url_cleanup", &api.url_cleanup},
        {"curl_url_set", &api.url_set},           {"curl_url_get", &api.url_get},
        {"curl_free", &api.free},                 {"curl_getdate", &api.getdate},
    };
    if (els_open_library(&library, functions, sizeof functions / sizeof *functions) == NULL) return;
    // CURLOPT_PROTOCOLS_STR came with 7.85.
    if (api.version_info(CURLVERSION_NOW)->version_num < 0x075500) {
        strcpy(library.failure, "libcurl.so.4 is too old: 7.85 or newer is needed");
    } else if (api.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        strcpy(library.failure, "libcurl cannot be initialised");
    }
}

const char *ccurl_load(void) {
    pthread_once(&once, load);
    return library.failure[0] == 0 ? NULL : library.failure;
}

const char *ccurl_version(void) { return api.version_info(CURLVERSION_NOW)->version; }

CURL *ccurl_make(void) { return api.easy_init(); }
void ccurl_free(CURL *handle) { api.easy_cleanup(handle); }
void ccurl_reset(CURL *handle) { api.easy_reset(handle); }
CURLcode ccurl_perform(CURL *handle) { return api.easy_perform(handle); }
const char *ccurl_error_text(CURLcode code) { return api.easy_strerror(code); }

CURLcode ccurl_set_long(CURL *handle, CURLoption option, long value) {
    return api.easy_setopt(handle, option, value);
}

CURLcode ccurl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
    return api.easy_setopt(handle, option, value);
}

CURLcode ccurl_set_text(CURL *handle, CURLoption option, const char *value) {
    return api.easy_setopt(handle, option, value);
}

CURLcode ccurl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return api.easy_setopt(handle, option, value);
}

CURLcode ccurl_set_headers(CURL *handle, struct curl_slist *headers) {
    return api.easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
}

CURLcode ccurl_set_callbacks(
    CURL *handle, ccurl_bytes head, ccurl_bytes body, ccurl_progress progress, void *context) {
    CURLcode code = api.easy_setopt(handle, CURLOPT_HEADERFUNCTION, head);
    if (code == CURLE_OK) code = api.easy_setopt(handle, CURLOPT_HEADERDATA, context);
    if (code == CURLE_OK) code = api.easy_setopt(handle, CURLOPT_WRITEFUNCTION, body);
    if (code == CURLE_OK) code = api.easy_setopt(handle, CURLOPT_WRITEDATA, context);
    if (code == CURLE_OK) code = api.easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, progress);
    if (code == CURLE_OK) code = api.easy_setopt(handle, CURLOPT_XFERINFODATA, context);
    if (code == CURLE_OK) code = api.easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    return code;
}

struct curl_slist *ccurl_append(struct curl_slist *list, const char *text) {
    return api.slist_append(list, text);
}

void ccurl_free_list(struct curl_slist *list) { api.slist_free_all(list); }

CURLU *ccurl_make_url(void) { return api.url(); }
void ccurl_free_url(CURLU *url) { api.url_cleanup(url); }

CURLUcode ccurl_url_set(CURLU *url, CURLUPart part, const char *text, unsigned flags) {
    return api.url_set(url, part, text, flags);
}

CURLUcode ccurl_url_get(CURLU *url, CURLUPart part, char **text, unsigned flags) {
    return api.url_get(url, part, text, flags);
}

void ccurl_free_text(char *text) { api.free(text); }

time_t ccurl_date(const char *text) { return api.getdate(text, NULL); }
