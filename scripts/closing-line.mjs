/** A vitest reporter: why tests were skipped, then `N passed, N failed` as the last line of the run. */
export default class ClosingLine {
  #watching = false;

  onInit(vitest) {
    this.#watching = vitest.config.watch;
  }

  onTestRunEnd(modules, unhandledErrors) {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state) => tests.filter((test) => test.result().state === state).length;
    // A file or suite whose own code or hooks threw, and an error outside any test, fail the run without failing a test.
    const broken = modules
      .flatMap((module) => [module, ...module.children.allSuites()])
      .filter((scope) => scope.errors().length > 0).length;
    const failed = count('failed') + broken + unhandledErrors.length;
    const skipped = tests.filter((test) => test.result().state === 'skipped');

    const lines = skipped.map((test) => {
      const { note } = test.result();
      return `skipped: ${test.fullName}${note ? ` (${note})` : ''}`;
    });
    lines.push(
      `${count('passed')} passed, ${failed} failed` +
        (skipped.length > 0 ? `, ${skipped.length} skipped` : ''),
    );
    const print = () => process.stdout.write(`${lines.join('\n')}\n`);
    // Other reporters and vitest itself still have things to say; whatever they are, this comes after.
    if (this.#watching) print();
    else process.once('exit', print);
  }
}
