/* Log lines on stderr: `time level subject key=value ...`.
 *
 * Only doing code logs, once, where an error stops or an event is reported.  Lines never hold
 * secrets.  Values with spaces, quotes or control bytes are quoted by log_line itself. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_level_set(enum log_level level);

/* One line.  `subject` is one word; then pairs of (const char *key, const char *value), ended by
 * a NULL key.  A NULL value skips its pair:
 *     log_line(LOG_INFO, "member", "name", name, "state", "alive", NULL); */
void log_line(enum log_level level, const char *subject, ...) __attribute__((sentinel));

#endif
