import type { Metafile } from 'esbuild'

/** Bytes of the bundle of the command line: of what is evaluated before a command is known, and of the rest. */
export function bundleSize({ inputs, outputs }: Metafile): { eager: number; later: number } {
  const found = new Set(['cli/main.ts', 'cli/program.ts'])
  for (const file of found)
    for (const { path, kind } of inputs[file]?.imports ?? [])
      if (kind !== 'dynamic-import') found.add(path)
  const sizes = Object.values(outputs).flatMap((part) => Object.entries(part.inputs))
  const sum = (isEager: boolean) =>
    sizes
      .filter(([file]) => found.has(file) === isEager)
      .reduce((all, [, { bytesInOutput }]) => all + bytesInOutput, 0)
  return { eager: sum(true), later: sum(false) }
}
