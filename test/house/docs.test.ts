import { join } from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { ENTRIES } from '../../scripts/entries.mjs'

const root = join(import.meta.dirname, '../..')

it('every public name has a doc comment', () => {
  const files = Object.values(ENTRIES).map((entry) => join(root, 'src', `${entry}.ts`))
  const program = ts.createProgram(files, {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    noEmit: true,
  })
  const checker = program.getTypeChecker()
  const bare: string[] = []
  let looked = 0
  for (const file of files) {
    const source = program.getSourceFile(file)
    const module = source && checker.getSymbolAtLocation(source)
    for (const name of module ? checker.getExportsOfModule(module) : []) {
      looked++
      const symbol = name.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(name) : name
      if (symbol.getDocumentationComment(checker).length === 0)
        bare.push(`${name.name} (${file.slice(root.length + 1)})`)
    }
  }
  expect(looked).toBeGreaterThan(50)
  expect(bare).toEqual([])
})
