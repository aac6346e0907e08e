import { gzipSync } from 'node:zlib'
import type { ArchiveLimits } from '#shared/domain/archive-limits.ts'
import { END, entry, gnuLong, pax, tgz } from './test-archives.ts'

/** For tests: an entry nobody has anything against. */
export const file = entry({ name: 'good.txt' }, 'good')
export const long = 'n'.repeat(200)

/** An archive to be refused: with which code, words of the message, and where there is another limit than usual. */
export type Hostile = { archive: Buffer; code?: string; says?: RegExp; limits?: ArchiveLimits }

const bad = (...entries: Buffer[]): Hostile => ({ archive: tgz(file, ...entries) })
const link = (name: string, target: string) => entry({ name, type: '2', target })
const hard = (name: string, target: string) => entry({ name, type: '1', target })

const sparse = { code: 'bad-entry', says: /sparse file .* without --sparse/ }

const NAMES: Record<string, Hostile> = {
  'an absolute name': bad(entry({ name: '/tmp/canary' }, 'x')),
  'a name above the root': { ...bad(entry({ name: '../canary' }, 'x')), says: /contains "\.\."/ },
  'a name that goes up in the middle': bad(entry({ name: 'a/../../canary' }, 'x')),
  'a name that goes up and stays inside': {
    ...bad(entry({ name: 'a/../b' }, 'x')),
    says: /contains "\.\."/,
  },
  'a name that ends in ..': bad(entry({ name: 'a/..', type: '5' })),
  'a directory above the root': bad(entry({ name: '../new/', type: '5' })),
  'a prefix that goes up': bad(entry({ name: 'canary', prefix: '..' }, 'x')),
  'an absolute prefix': bad(entry({ name: 'canary', prefix: '/tmp' }, 'x')),
  'a file without a name': bad(entry({ name: '' }, 'x')),
  'a file named .': bad(entry({ name: '.' }, 'x')),
  'a file named like a directory': bad(entry({ name: 'a/' }, 'x')),
  'a link in place of the root': bad(link('./', 'x')),
  'a name with a NUL in it': bad(pax([['path', 'a\0b']]), entry({ name: 'a' }, 'x')),
  'a GNU name with a NUL in it': bad(gnuLong('L', 'a\0/../b'), entry({ name: 'a' }, 'x')),
  'a name of 5,000 bytes': bad(pax([['path', 'a/'.repeat(30) + 'b'.repeat(5000)]]), file),
  'a part of 256 bytes': bad(pax([['path', `d/${'b'.repeat(256)}`]]), entry({ name: 'a' }, 'x')),
  'a part of 100 wide characters': bad(
    pax([['path', '界'.repeat(100)]]),
    entry({ name: 'a' }, 'x'),
  ),
  'a name that is not UTF-8': bad(entry({ name: Buffer.from([0x61, 0xff]) }, 'x')),
  'a PAX name above the root': bad(pax([['path', '../canary']]), entry({ name: 'ok' }, 'x')),
  'an absolute PAX name': bad(pax([['path', '/tmp/canary']]), entry({ name: 'ok' }, 'x')),
  'a GNU long name above the root': bad(gnuLong('L', `../${long}`), entry({ name: 'ok' }, 'x')),
  'an entry in lost+found': bad(entry({ name: 'lost+found/x' }, 'x')),
}

const METADATA: Record<string, Hostile> = {
  'two PAX names in one header': bad(
    pax([
      ['path', 'one'],
      ['path', '../two'],
    ]),
    entry({ name: 'ok' }, 'x'),
  ),
  'two PAX headers': bad(
    pax([['path', 'one']]),
    pax([['path', 'two']]),
    entry({ name: 'ok' }, 'x'),
  ),
  'a PAX and a GNU name': bad(pax([['path', 'one']]), gnuLong('L', 'two'), entry({ name: 'ok' })),
  'a global PAX name': bad(pax([['path', '../canary']], 'g'), entry({ name: 'ok' }, 'x')),
  'a PAX record longer than its header': bad(
    entry({ name: 'p', type: 'x' }, '99 path=ok\n'),
    entry({ name: 'ok' }, 'x'),
  ),
  'a PAX record without an end': bad(entry({ name: 'p', type: 'x' }, '11 path=okx'), file),
  'a PAX record of negative length': bad(entry({ name: 'p', type: 'x' }, '-9 path=ok\n'), file),
  'a PAX size that is no number': bad(pax([['size', '-1']]), entry({ name: 'ok' }, 'x')),
  'a PAX header that describes nothing': bad(pax([['path', 'one']])),
  'a metadata header of 2 MiB': bad(gnuLong('L', 'n'.repeat(2 ** 21)), entry({ name: 'ok' }, 'x')),
  'a size that is no number': bad(entry({ name: 'ok', size: 'no number!!' }, 'x')),
  'a PAX sparse file': {
    ...bad(pax([['GNU.sparse.major', '1']]), entry({ name: 'ok' }, 'x')),
    ...sparse,
  },
}

const TYPES: Record<string, Hostile> = {
  'a character device': bad(entry({ name: 'null', type: '3' })),
  'a block device': bad(entry({ name: 'sda', type: '4' })),
  'a FIFO': bad(entry({ name: 'pipe', type: '6' })),
  'a contiguous file': bad(entry({ name: 'c', type: '7' }, 'x')),
  'a GNU sparse file': {
    ...bad(entry({ name: 's', type: 'S', magic: 'ustar  \0' }, 'x')),
    ...sparse,
  },
  'a volume label': bad(entry({ name: 'v', type: 'V' })),
  'a multi-volume continuation': bad(entry({ name: 'm', type: 'M' }, 'x')),
  'a directory with content': bad(entry({ name: 'd', type: '5' }, 'x')),
  'a symlink with content': bad(entry({ name: 'l', type: '2', target: 'good.txt' }, 'x')),
}

const LINKS: Record<string, Hostile> = {
  'a link to an absolute path': bad(link('l', '/etc/passwd')),
  'a link above the root': bad(link('l', '../canary')),
  'a link above the root from below': bad(link('a/l', '../../canary')),
  'a link that goes down, then up and out': bad(link('l', 'a/../../canary')),
  'a link that leaves for a moment': bad(link('a/l', '../../a/b')),
  'a link without a target': bad(link('l', '')),
  'a link with a NUL in its target': bad(pax([['linkpath', 'a\0b']]), link('l', 'a')),
  'a PAX target above the root': bad(pax([['linkpath', '../canary']]), link('l', 'good.txt')),
  'a GNU long target above the root': bad(gnuLong('K', `../${long}`), link('l', 'good.txt')),
  'a link that leaves by an earlier one': bad(
    link('d/here', '.'),
    link('d/l', 'here/../../canary'),
  ),
  'a link that leaves by a later one': bad(link('d/l', 'here/../../canary'), link('d/here', '.')),
  'a chain of links that leaves step by step': bad(
    link('a/b/up', '..'),
    link('a/b/upup', 'up/..'),
    link('a/b/out', 'upup/../canary'),
  ),
  'a link to itself': bad(link('l', 'l')),
  'a circle of links': bad(link('a', 'b'), link('b', 'a')),
  'a file written through a link': bad(link('l', '.'), entry({ name: 'l/x' }, 'x')),
  'a file written through a link to a directory': bad(
    entry({ name: 'd/', type: '5' }),
    link('l', 'd'),
    entry({ name: 'l/x' }, 'x'),
  ),
  'a directory made through a link': bad(link('l', '.'), entry({ name: 'l/d/', type: '5' })),
  'a link made through a link': bad(link('l', '.'), link('l/m', 'good.txt')),
  'a file in place of a link': bad(link('l', 'x'), entry({ name: 'l' }, 'x')),
  'a directory in place of a link': bad(link('l', '.'), entry({ name: 'l/', type: '5' })),
  'a hard link above the root': bad(hard('h', '../canary')),
  'an absolute hard link': bad(hard('h', '/etc/passwd')),
  'a hard link to nothing': bad(hard('h', 'missing')),
  'a hard link to itself': bad(hard('h', 'h')),
  'a hard link to a symlink': bad(link('l', 'good.txt'), hard('h', 'l')),
  'a hard link to a directory': bad(entry({ name: 'd/', type: '5' }), hard('h', 'd')),
  'a hard link through a symlink': bad(
    entry({ name: 'd/x' }, 'x'),
    link('l', 'd'),
    hard('h', 'l/x'),
  ),
}

const DUPLICATES: Record<string, Hostile> = {
  'a file twice': bad(entry({ name: 'good.txt' }, 'other')),
  'a file twice by another spelling': bad(entry({ name: './/good.txt' }, 'other')),
  'a link in place of a file': bad(link('good.txt', 'x')),
  'a hard link in place of a file': bad(entry({ name: 'x' }, 'x'), hard('good.txt', 'x')),
  'a directory in place of a file': bad(entry({ name: 'good.txt/', type: '5' })),
  'a file below a file': bad(entry({ name: 'good.txt/x' }, 'x')),
  'a file in place of a directory': bad(entry({ name: 'd/x' }, 'x'), entry({ name: 'd' }, 'x')),
  'a large file twice': bad(entry({ name: 'good.txt' }, Buffer.alloc(200_000))),
}

const whole = Buffer.concat([file, entry({ name: 'b' }, Buffer.alloc(3000, 7)), END])
export const zipped = gzipSync(whole)
const damaged = Buffer.from(zipped)
damaged.fill(0xff, 40, 60)
const wrongSum = Buffer.from(whole)
wrongSum.write('other', 0)

const FRAMES: Record<string, Hostile> = {
  'a body that is not gzip': { archive: whole, code: 'not-gzip' },
  'a body of text': { archive: Buffer.from('hello'), code: 'not-gzip' },
  'an empty body': { archive: Buffer.alloc(0), code: 'truncated' },
  'an empty gzip': { archive: gzipSync(''), code: 'truncated' },
  'text in gzip': { archive: gzipSync('x'.repeat(2000)), code: 'damaged' },
  'a gzip cut in its header': { archive: zipped.subarray(0, 5), code: 'truncated' },
  'a gzip cut in the middle': { archive: zipped.subarray(0, 60), code: 'truncated' },
  'a gzip without its checksum': { archive: zipped.subarray(0, -8), code: 'truncated' },
  'a gzip cut by one byte': { archive: zipped.subarray(0, -1), code: 'truncated' },
  'a gzip with bytes changed': { archive: damaged, code: 'damaged' },
  'a gzip followed by junk': { archive: Buffer.concat([zipped, Buffer.from('junk')]) },
  'a gzip followed by zeros': { archive: Buffer.concat([zipped, Buffer.alloc(100)]) },
  'a tar cut in a header': { archive: gzipSync(whole.subarray(0, 1200)), code: 'truncated' },
  'a tar cut in a file': { archive: gzipSync(whole.subarray(0, 2000)), code: 'truncated' },
  'a tar cut between entries': { archive: gzipSync(whole.subarray(0, 1024)), code: 'truncated' },
  'a tar without its last block': { archive: gzipSync(whole.subarray(0, -512)), code: 'truncated' },
  'a tar followed by junk': { archive: gzipSync(Buffer.concat([whole, Buffer.from('junk')])) },
  'a tar followed by another': { archive: gzipSync(Buffer.concat([whole, file, END])) },
  'another tar in a second gzip member': { archive: Buffer.concat([zipped, tgz(file)]) },
  'entries behind a single end block': {
    archive: gzipSync(Buffer.concat([file, Buffer.alloc(512), entry({ name: 'late' }, 'x'), END])),
  },
  'a header with a wrong checksum': { archive: gzipSync(wrongSum) },
  'an archive in gzip twice': { archive: gzipSync(zipped), code: 'truncated' },
}

export const many = Array.from({ length: 50 }, (_, i) => entry({ name: `f${i}` }))
const BOMBS: Record<string, Hostile> = {
  'more entries than allowed': {
    archive: tgz(...many),
    limits: { maxDataEntries: 49 },
    says: /maxDataEntries/,
  },
  'more directories than allowed, by one deep name': {
    archive: tgz(entry({ name: 'a/b/c/d/e/f' }, 'x')),
    limits: { maxDataEntries: 5 },
    says: /maxDataEntries/,
  },
  'more bytes than allowed': {
    archive: tgz(file, entry({ name: 'b' }, Buffer.alloc(1000))),
    limits: { maxDataBytes: 1003 },
    says: /maxDataBytes/,
  },
  'more bytes than allowed, announced only': {
    archive: tgz(file, entry({ name: 'b', size: 2 ** 32 }, 'x')),
    limits: { maxDataBytes: 2 ** 31 },
    says: /maxDataBytes/,
  },
  'more bytes than allowed, by hard links': {
    archive: tgz(file, hard('a', 'good.txt'), hard('b', 'good.txt')),
    limits: { maxDataBytes: 11 },
    says: /maxDataBytes/,
  },
  'a bomb of zeros': {
    archive: tgz(file, entry({ name: 'zeros' }, Buffer.alloc(2 ** 21))),
    limits: { maxArchiveRatio: 100, archiveRatioFrom: 2 ** 20 },
    says: /maxArchiveRatio/,
  },
  'a bomb of zeros behind the end': {
    archive: tgz(file, Buffer.alloc(2 ** 21)),
    limits: { maxArchiveRatio: 100, archiveRatioFrom: 2 ** 20 },
    says: /maxArchiveRatio/,
  },
  'a path deeper than allowed': {
    archive: tgz(pax([['path', `${'d/'.repeat(64)}x`]]), entry({ name: 'x' }, 'x')),
    says: /more than 64 directories deep/,
  },
}

/** For tests: archives that must be refused, by kind, with the usual code of the kind. */
export const CORPUS: [string, Record<string, Hostile>, string][] = [
  ['names', NAMES, 'bad-entry'],
  ['metadata', METADATA, 'damaged'],
  ['types', TYPES, 'bad-entry'],
  ['links', LINKS, 'bad-entry'],
  ['duplicates', DUPLICATES, 'bad-entry'],
  ['frames', FRAMES, 'damaged'],
  ['bombs', BOMBS, 'too-large'],
]
