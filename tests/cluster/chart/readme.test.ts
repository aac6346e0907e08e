import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { call, chart, render, type Values } from './helm.ts'

const page = readFileSync(`${chart}/README.md`, 'utf8')

/** The blocks of a language, without the indent that they have in a list. */
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\``, 'gm'))].map(
    ([, indent = '', block = '']) => block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  )

test('every example of values in the README is taken', () => {
  const examples = blocks('yaml').map((block) => parse(block) as Values)
  expect(examples.length).toBeGreaterThan(3)
  for (const values of examples) expect(render(values)).not.toEqual([])
})

test('every command of helm in the README has options that helm knows', () => {
  const commands = blocks('sh')
    .join('\n')
    .split('\n')
    .filter((line) => line.startsWith('helm ') && line.includes('charts/knitfab'))
  expect(commands.length).toBeGreaterThan(2)
  for (const command of commands) {
    // With a flag that it does not know helm says no word of help.
    const { code, err } = call(['bash', '-c', `${command} --help`])
    expect({ command, code, err }).toMatchObject({ command, code: 0 })
  }
})

test('the README has every value of the first level, or says where it is', () => {
  const values = parse(readFileSync(`${chart}/values.yaml`, 'utf8')) as Values
  const missing = Object.keys(values).filter((name) => !page.includes(name))
  expect(missing).toEqual([])
})
