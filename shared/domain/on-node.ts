import * as z from 'zod'
import { Invalid } from './invalid.ts'
import { compareBytes } from './tag.ts'

export const onNodeModes = ['may', 'prefer', 'must'] as const
export type Label = { key: string; value: string }
/** Labels of nodes a run may, prefers to, or must be on. */
export type OnNode = Record<(typeof onNodeModes)[number], Label[]>

export const formatLabel = (label: Label): string => `${label.key}=${label.value}`

/** Reads `KEY=VALUE`, split at the first `=`, nothing trimmed. */
export const LabelText = z
  .string()
  .transform((text, ctx) => {
    const equals = text.indexOf('=')
    if (equals >= 0) return { key: text.slice(0, equals), value: text.slice(equals + 1) }
    ctx.addIssue({
      code: 'custom',
      message: `the label "${text}" has no "="; write it as KEY=VALUE`,
    })
    return z.NEVER
  })
  .describe('A node label: KEY=VALUE.')

const prefixPart = /^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$/
const namePart = /^[A-Za-z0-9]([A-Za-z0-9\-_.]*[A-Za-z0-9])?$/

/** Sorted and without doubles. Throws `Invalid` for what Kubernetes would not take as a label. */
export function checkedOnNode(onNode: Partial<OnNode>): OnNode {
  const checked = (mode: keyof OnNode): Label[] => {
    const labels = (onNode[mode] ?? []).toSorted(
      (a, b) => compareBytes(a.key, b.key) || compareBytes(a.value, b.value),
    )
    for (const label of labels) checkLabel(label)
    return [...new Map(labels.map((label) => [formatLabel(label), label])).values()]
  }
  // Checked in the order of the alphabet, as the API tells faults.
  const [may, must, prefer] = [checked('may'), checked('must'), checked('prefer')]
  return { may, prefer, must }
}

function checkLabel({ key, value }: Label): void {
  const slash = key.indexOf('/')
  const prefix = slash < 0 ? undefined : key.slice(0, slash)
  const name = key.slice(slash + 1)
  const prefixFits =
    prefix === undefined ||
    (prefix.length <= 253 &&
      prefix.split('.').every((part) => part.length <= 63 && prefixPart.test(part)))
  if (!prefixFits || name.length > 63 || !namePart.test(name))
    throw new Invalid(
      'on_node: invalid key',
      `"${key}" is no label key of Kubernetes: [PREFIX/]NAME`,
    )
  if (value.length > 63 || !namePart.test(value))
    throw new Invalid(
      'on_node: invalid value',
      `"${value}" is no label value of Kubernetes: 1 to 63 letters, digits and inner - . _`,
    )
}
