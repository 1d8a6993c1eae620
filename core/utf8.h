/* UTF-8 (RFC 3629): where a character ends, and a stranger's text as one harmless line. */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include "core/bytes.h"

/* The length of the UTF-8 sequence `in` starts with, or 0 when it is none. */
size_t utf8_sequence(struct bytes in);

/* Write what a program or a peer said as one line that can be stored, sent and shown: valid UTF-8,
 * a tab as a space, and "?" for each byte that is no text, each control character (C0, DEL, C1), and
 * each character that changes the direction of a line or ends it (U+200E, U+200F, U+2028 to U+202E,
 * U+2066 to U+2069, U+FEFF).  Cut between characters to `cap` - 1 bytes, and NUL-terminated.
 * Returns the length. */
size_t utf8_line(struct bytes in, char *out, size_t cap);

/* Make a text that was cut or that strangers wrote valid, in place: a character that was cut short is
 * dropped, any other byte that is none becomes "?".  Returns the length, which never grows. */
size_t utf8_mend(char *text);

/* The whole text where it fits `cap` - 1 bytes, else its beginning, cut between characters and ended with
 * "..."; mended, and NUL-terminated.  `cap` is at least 4.  Returns the length. */
size_t utf8_cut(const char *text, char *out, size_t cap);

#endif
