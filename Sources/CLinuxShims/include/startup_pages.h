#pragma once

/// Gives the pages of the executable's own code and constants back that are mapped now; what is
/// needed again is mapped again from the page cache, one page at a time.
///
/// A start runs through parsers, checks and initialisers that a running daemon never needs again, and the
/// kernel maps sixteen pages around each fault. On a small box those megabytes are worth more than the
/// few hundred soft faults that follow.
void els_release_startup_pages(void);
