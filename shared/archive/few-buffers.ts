import { setFlagsFromString } from 'node:v8'

/*
 * Of bytes that pass through, V8 lets the buffers that nobody needs any more gather until they are twice as much as new objects may have
 * where nothing is said of that: 128 MiB, whatever has been said. Imported by whoever passes on many, this makes it 16; each MiB said here
 * counts fourfold. It is said to the V8 of Node 24 alone: one that does not know it would complain to whoever sits there.
 */
if (process.versions.v8.startsWith('13.6.'))
  setFlagsFromString('--scavenger-max-new-space-capacity-mb=4')
