/* Query parameters of the API as values.  What is no such value is refused: an `if_version` that
 * cannot be read must not mean "any". */
#ifndef AGENT_PARAMS_H
#define AGENT_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

/* Each takes NULL for a parameter that was not given; 0 or ERR_INVALID. */
int param_ack(const char *text, int *ret_ack); /* "2", "majority", "all"; ACK_DEFAULT */
int param_version(const char *text, uint32_t *ret_version); /* "v3" or "3"; 0 */
/* As param_version; "new" and "0" say that there must be none. */
int param_if_version(const char *text, uint32_t *ret_version, bool *ret_is_new);
int param_index(const char *text, uint32_t *ret_index); /* of an instance; 0 */
int param_switch(const char *text, bool *ret_is_on); /* "1", "true", ""; "0", "false" */

#endif
