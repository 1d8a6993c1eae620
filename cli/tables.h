/* Tables that more than one verb shows. */
#ifndef CLI_TABLES_H
#define CLI_TABLES_H

#include <jansson.h>
#include <stdbool.h>

/* How much a job needs somebody: 0 first, JOB_CALM: it does not. */
enum { JOB_CALM = 5 };
unsigned job_rank(const json_t *job);
void jobs_print(const json_t *jobs); /* the data of `jobs` */
/* The same with a ! in front of what needs somebody, and when `is_wide` with the cause. */
void jobs_print_marked(const json_t *jobs, bool is_wide);
void members_print(const json_t *members); /* the data of `members` */
void instances_print(const json_t *const *instances, size_t n); /* of status answers */

#endif
