import { once } from 'node:events'
import * as fc from 'fast-check'
import { pack } from 'tar-stream'
import { expect, test } from 'vitest'
import { tarHeader, type TarHeader } from './tar-header.ts'

/** What tar-stream, which others have read for long, puts before the content of such an entry. */
async function ofTarStream({ target, mtime, ...header }: TarHeader): Promise<Buffer> {
  const tar = pack()
  const linkname = target === undefined ? {} : { linkname: target }
  tar.entry({ ...header, ...linkname, mtime: new Date(mtime * 1000) })
  await once(tar, 'readable')
  const parts: Buffer[] = []
  for (let part = tar.read(); part; part = tar.read()) parts.push(part as Buffer)
  tar.destroy()
  return Buffer.concat(parts)
}

const plain = { type: 'file', mode: 0o644, mtime: 1_700_000_000, size: 5 } as const
const link = { ...plain, type: 'symlink', size: 0 } as const
const long = (length: number) => 'd/'.repeat(length).slice(0, length - 1) + 'x'

test.for<[string, TarHeader]>([
  ['a file', { ...plain, name: 'a/b.txt' }],
  ['a directory', { ...plain, name: 'a/', type: 'directory', size: 0 }],
  ['a link', { ...link, name: 'a', target: 'b' }],
  ['nothing before 1970', { ...plain, name: 'a', mtime: 0 }],
  ['the last time there is', { ...plain, name: 'a', mtime: 0x7fffffff }],
  ['as large as octal digits say', { ...plain, name: 'a', size: 8 ** 11 - 1 }],
  ['larger', { ...plain, name: 'a', size: 8 ** 11 }],
  ['as large as can be', { ...plain, name: 'a', size: Number.MAX_SAFE_INTEGER }],
  ...[99, 100, 101, 102, 254, 255, 256, 257, 258, 500, 985, 986, 987, 988, 989, 990, 1000].map(
    (length): [string, TarHeader] => [
      `a name of ${length} bytes`,
      { ...plain, name: long(length) },
    ],
  ),
  ['a long name in no directory', { ...plain, name: 'n'.repeat(101) }],
  ['a long last name', { ...plain, name: `d/${'n'.repeat(101)}` }],
  ['a long first name', { ...plain, name: `${'n'.repeat(156)}/n` }],
  ['an empty directory of a long name', { ...plain, name: `${'n'.repeat(150)}/`, size: 0 }],
  ['a name not of ASCII', { ...plain, name: 'データ/画像 🎨.png' }],
  ['a link to a name not of ASCII', { ...link, name: 'a', target: 'データ' }],
  ['a link to a long name', { ...link, name: 'a', target: long(101) }],
  ['a link of a long name', { ...link, name: long(300), target: 'b' }],
])('%s has the very header that tar-stream writes', async ([, header]) => {
  expect(tarHeader(header).equals(await ofTarStream(header))).toBe(true)
})

test('any name has the very header that tar-stream writes', async () => {
  const segment = fc.oneof(
    fc.string({ minLength: 1, maxLength: 120 }).filter((text) => !/[/\0]/.test(text)),
    fc
      .string({ minLength: 1, maxLength: 60, unit: 'grapheme' })
      .filter((text) => !/[/\0]/.test(text)),
  )
  const name = fc.array(segment, { minLength: 1, maxLength: 5 }).map((names) => names.join('/'))
  const mode = fc.integer({ min: 1, max: 0o777 })
  await fc.assert(
    fc.asyncProperty(name, name, mode, async (path, target, bits) => {
      for (const header of [
        { ...plain, mode: bits, name: path },
        { ...link, mode: bits, name: path, target },
      ])
        expect(tarHeader(header)).toEqual(await ofTarStream(header))
    }),
    { numRuns: 100 },
  )
})
