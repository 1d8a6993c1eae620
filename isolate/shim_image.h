/* The shim's own small program, which this one carries. */
#ifndef ISOLATE_SHIM_IMAGE_H
#define ISOLATE_SHIM_IMAGE_H

/* As a sealed file in memory, to be run; the caller closes it, and shims that run keep what they
 * need.  -errno: a host that lets nothing run from memory (vm.memfd_noexec), or no memory. */
int shim_image_open(void);

#endif
