#pragma once

/// Whether the kernel's wall clock is disciplined by a time service: 1 yes, 0 no, -1 it may not be
/// asked here (a sandbox's filter). Reads only, needs no privilege.
int els_clock_is_synchronised(void);
