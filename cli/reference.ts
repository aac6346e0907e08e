import { described, globalFlags, type Described, type DescribedArg } from './described.ts'
import { root } from './root.ts'

/** Every command with its arguments and flags, as a page of Markdown. */
export async function referencePage(): Promise<string> {
  const commands = await described(root)
  return [
    '# Commands of knit',
    'Generated from the definitions in cli/commands by `npm run generate`.',
    ['| command | |', '| --- | --- |', ...commands.map(line)].join('\n'),
    '## Flags of every command',
    table(globalFlags),
    ...commands.map(section),
    '',
  ].join('\n\n')
}

const line = ({ name, about }: Described): string =>
  `| [\`${name}\`](#${name.replaceAll(' ', '-')}) | ${escaped(about)} |`

const section = ({ name, about, usage, positionals, flags, examples }: Described): string =>
  [
    `## ${name}`,
    escaped(about),
    ['```', usage, '```'].join('\n'),
    ...(positionals.length > 0 ? [table(positionals)] : []),
    ...(flags.length > 0 ? [table(flags)] : []),
    ...(examples.length > 0 ? [['```sh', ...examples, '```'].join('\n')] : []),
  ].join('\n\n')

const table = (args: DescribedArg[]): string =>
  ['| | |', '| --- | --- |', ...args.map(row)].join('\n')

function row({ forms, about, fallback }: DescribedArg): string {
  const shown = forms.map((text) => `\`${text.replaceAll('|', '\\|')}\``).join(', ')
  return `| ${shown} | ${escaped(about)}${fallback === undefined ? '' : ` Unless given: \`${fallback}\`.`} |`
}

const escaped = (text: string): string => text.replace(/[|<*]/g, '\\$&')
