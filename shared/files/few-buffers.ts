import { setFlagsFromString } from 'node:v8'

/*
 * Of bytes that pass through, V8 lets the buffers that nobody needs any more gather until they are twice as much as new objects may have
 * where nothing is said of that: 128 MiB, whatever has been said. Imported by whoever passes on many, this makes it 16; each MiB said here
 * counts fourfold. A V8 that does not know it says so, and goes on.
 */
setFlagsFromString('--scavenger-max-new-space-capacity-mb=4')
