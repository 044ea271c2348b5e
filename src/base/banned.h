/* SPDX-License-Identifier: MIT */
/* Functions that are too easy to misuse do not compile; each has a safe twin in base/ or libc. */
#ifndef LQ_BASE_BANNED_H
#define LQ_BASE_BANNED_H

/* Their own headers must have declared them before the names are poisoned. */
#include <stdio.h>  // IWYU pragma: keep
#include <stdlib.h> // IWYU pragma: keep
#include <string.h> // IWYU pragma: keep
#include <time.h>   // IWYU pragma: keep

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok
#pragma GCC poison gmtime localtime ctime asctime atoi atol atof system tmpnam mktemp

#endif
