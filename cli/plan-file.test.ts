import { expect, test } from 'vitest'
import { readPlan } from './plan-file.ts'

const valid = 'image: a/b:v1\ninputs:\n  - path: /in\n    tags: ["a:b"]\n'

test.each<[string, object]>([
  ['active: no', { active: false }],
  ['active: true', { active: true }],
  ['args: [1.0, 0x10, true, "x", 1e3]', { args: ['1.0', '0x10', 'true', 'x', '1e3'] }],
  ['resources: {cpu: 0.5, memory: 1Gi}', { resources: { cpu: '0.5', memory: '1Gi' } }],
  ['log: null', { log: null }],
  ['log: {}', { log: {} }],
  [
    'outputs: [{path: /o, tags: [{key: a, value: "1"}]}]',
    { outputs: [{ path: '/o', tags: [{ key: 'a', value: '1' }] }] },
  ],
  ['on_node: {may: ["a=b"]}', { on_node: { may: ['a=b'] } }],
  ['# only a comment', {}],
  ['---', {}],
])('%s is read as it stands there', (line, expected) => {
  expect(readPlan(line === '---' ? `---\n${valid}` : `${valid}${line}\n`, 'f')).toMatchObject(
    expected,
  )
})

test('lines end as they like, comments stand anywhere, and a mark of its encoding is no part of the text', () => {
  const text =
    '\uFEFF# a plan\r\nimage: a/b:v1 # here\r\n\r\ninputs:\r\n  # none\r\n  - path: /in\r\n    tags:\r\n      - "a:b" # why\r\nargs:\r\n  - |\r\n    one # no comment\r\n    two\r\n'
  expect(readPlan(text, 'f')).toEqual({
    image: 'a/b:v1',
    inputs: [{ path: '/in', tags: ['a:b'] }],
    args: ['one # no comment\ntwo\n'],
  })
})

test.each([
  ['logs: {tags: []}', 'there is no key "logs"; did you mean log?'],
  ['resource: {}', 'there is no key "resource"; did you mean resources?'],
  ['annotation: []', 'there is no key "annotation"; did you mean annotations?'],
  ['annoation: []', 'there is no key "annoation"; did you mean annotations?'],
  ['onNode: {}', 'there is no key "onNode"; did you mean on_node?'],
  ['serviceAccount: x', 'there is no key "serviceAccount"; did you mean service_account?'],
  ['log: {tag: []}', 'there is no key "log.tag"; did you mean tags?'],
  ['outputs: [{pth: /o}]', 'there is no key "outputs[0].pth"; did you mean path?'],
  ['annotations: {a: b}', 'annotations: expected a list'],
  ['annotations: [x]', 'annotations[0]: the annotation "x" has no "="; write it as KEY=VALUE'],
  ['resources: {cpu: 1K}', 'resources.cpu: "1K" is no quantity'],
  ['outputs: [{path: /o, tags: [type: x]}]', 'outputs[0].tags[0]: a tag is "KEY:VALUE" in quotes'],
  ['outputs: [{path: /o, tags: [x]}]', 'outputs[0].tags[0]: the tag "x" has no colon'],
  ['image: twice', 'the key "image" is there twice, at line 5'],
  ['? [a]\n: b', 'a key is no text at line 5'],
  ['args: [', 'at line'],
  ['active: maybe', 'active: expected true or false'],
  ['...\n---\nimage: b:c', 'it holds more than one document'],
])('%s is refused, naming the place', (line, message) => {
  expect(() => readPlan(`${valid}${line}\n`, 'plan.yaml')).toThrow(`plan.yaml: `)
  expect(() => readPlan(`${valid}${line}\n`, 'plan.yaml')).toThrow(message)
})

test.each([
  ['', 'it is empty'],
  ['- a', 'it is no mapping'],
])('%j is no plan', (text, message) => {
  expect(() => readPlan(text, 'plan.yaml')).toThrow(message)
})
