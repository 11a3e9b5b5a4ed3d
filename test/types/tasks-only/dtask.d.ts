declare namespace Dtask {
  interface TypeChoices {
    taskMethods: 'tasks only';
  }
}
