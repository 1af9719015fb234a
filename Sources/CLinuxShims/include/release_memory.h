#pragma once

/// Gives the pages of code and constants back, the executable's and its libraries', that are mapped now; what is
/// needed again is mapped again from the page cache, one page at a time.
///
/// A start runs through parsers, checks and initialisers that a running daemon never needs again, and the
/// kernel maps sixteen pages around each fault. On a small box those megabytes are worth more than the
/// few hundred soft faults that follow.
void els_release_startup_pages(void);

/// Gives freed memory back to the kernel: what a model took that has been exchanged. Takes the allocator's locks for
/// some tens of microseconds; for the control plane.
void els_release_free_memory(void);
