/// Adds a step to a JSON pointer.
pub(crate) fn push(path: &mut String, step: &str) {
    path.push('/');
    for letter in step.chars() {
        match letter {
            '~' => path.push_str("~0"),
            '/' => path.push_str("~1"),
            letter => path.push(letter),
        }
    }
}
