/* SPDX-License-Identifier: MIT */
/*
 * Where the parts of the stub domain's kernel lie in memory: read by the preprocessor before
 * Linux' own linker script (arch/x86/kernel/vmlinux.lds.S), and by nothing else.
 *
 * That script puts each part at a multiple of 2 MiB, so that large pages can map it, and so that
 * the entry code can be mapped alone against Meltdown. A PV domain has neither, and what is
 * between the parts is lost to it for good: 2.7 MiB.
 */
#include <asm/page_types.h>
#include <asm/pgtable_types.h>

#undef HPAGE_SIZE
#define HPAGE_SIZE PAGE_SIZE
#undef PMD_SIZE
#define PMD_SIZE PAGE_SIZE
