import { writeFileSync } from 'node:fs'

/*
 * What a program has in memory, and was given in its environment, may be secret. Imported first by each of ours, this keeps it
 * out of what is left of a program that has crashed: who may read that need not be who may use the secrets.
 */

// Should somebody ask Node for reports.
process.report.excludeEnv = true

try {
  // Of no kind of memory a core dump is to have any, see core(5). It holds for programs that are started from here as well, and
  // also where a dump is not written but piped to another program, as a limit of its size does not.
  writeFileSync('/proc/self/coredump_filter', '0')
} catch {
  // Another system than Linux, or one whose kernel makes no dumps.
}
