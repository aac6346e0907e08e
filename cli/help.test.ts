import { expect, test } from 'vitest'
import { knit, tempDir } from './testing.ts'

/** What the help of a command says before the flags that every command takes. */
async function helpOf(line: string): Promise<string> {
  const { code, stdout, stderr } = await knit([...line.split(' '), '--help'], tempDir())
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  const [own = ''] = stderr.split(/^ *--profile=/m)
  return own.trimEnd()
}

test('the help of init', async () => {
  expect(await helpOf('init')).toMatchInlineSnapshot()
})

test('the help of data find', async () => {
  expect(await helpOf('data find')).toMatchInlineSnapshot()
})

test('the help of data push', async () => {
  expect(await helpOf('data push')).toMatchInlineSnapshot()
})

test('the help of data pull', async () => {
  expect(await helpOf('data pull')).toMatchInlineSnapshot()
})

test('the help of data tag', async () => {
  expect(await helpOf('data tag')).toMatchInlineSnapshot()
})

test('the help of data lineage', async () => {
  expect(await helpOf('data lineage')).toMatchInlineSnapshot()
})

test('the help of plan template', async () => {
  expect(await helpOf('plan template')).toMatchInlineSnapshot()
})

test('the help of plan apply', async () => {
  expect(await helpOf('plan apply')).toMatchInlineSnapshot()
})

test('the help of plan find', async () => {
  expect(await helpOf('plan find')).toMatchInlineSnapshot()
})

test('the help of plan show', async () => {
  expect(await helpOf('plan show')).toMatchInlineSnapshot()
})

test('the help of plan active', async () => {
  expect(await helpOf('plan active')).toMatchInlineSnapshot()
})

test('the help of plan resource', async () => {
  expect(await helpOf('plan resource')).toMatchInlineSnapshot()
})

test('the help of plan graph', async () => {
  expect(await helpOf('plan graph')).toMatchInlineSnapshot()
})

test('the help of run find', async () => {
  expect(await helpOf('run find')).toMatchInlineSnapshot()
})

test('the help of run show', async () => {
  expect(await helpOf('run show')).toMatchInlineSnapshot()
})

test('the help of run stop', async () => {
  expect(await helpOf('run stop')).toMatchInlineSnapshot()
})

test('the help of run retry', async () => {
  expect(await helpOf('run retry')).toMatchInlineSnapshot()
})

test('the help of run rm', async () => {
  expect(await helpOf('run rm')).toMatchInlineSnapshot()
})

test('the help of version', async () => {
  expect(await helpOf('version')).toMatchInlineSnapshot()
})

test('the help of license', async () => {
  expect(await helpOf('license')).toMatchInlineSnapshot()
})
