/* commands.h: the commands of vkseg. Each takes the words after its name and returns the exit code of the program. */
#ifndef VKSEG_CLI_COMMANDS_H
#define VKSEG_CLI_COMMANDS_H

#include "args.h"

int cmd_segment(int count, char **words);
int cmd_auto(int count, char **words);
int cmd_predict(int count, char **words);
int cmd_encode(int count, char **words);
int cmd_info(int count, char **words);
int cmd_devices(int count, char **words);
int cmd_bench(int count, char **words);
int cmd_doctor(int count, char **words);
int cmd_preview(int count, char **words);
int cmd_eval(int count, char **words);
int cmd_help(int count, char **words);

/* `vkseg info` of a file that vks_io_is_volume knows. */
int info_volume(const char *path, const struct args *args);

/* What each accepts; help prints these tables. */
extern const struct option segment_options[], predict_options[], auto_options[], encode_options[], info_options[],
    devices_options[], eval_options[], preview_options[], bench_options[], doctor_options[];

/* Prints a topic on stdout; 0, or BAD_USAGE with a suggestion when there is no such topic. NULL: the overview. */
int help_print(const char *topic);

#endif
