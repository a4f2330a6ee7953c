/* help_volumes.h: help on volumes and label maps; help.c lists the topics. */
#ifndef VKSEG_CLI_HELP_VOLUMES_H
#define VKSEG_CLI_HELP_VOLUMES_H

extern const char eval_text[], preview_text[], volumes_text[];

#endif
